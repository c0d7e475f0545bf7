#if defined(__x86_64__)
#include <immintrin.h>
#include <cstdint>

#include "kernels/isa/tables.h"
#include "kernels/math_fits.h"

#define FOVEA_LANES 16
namespace fovea::kernels::avx512 {
namespace {
#include "kernels/isa/vec.inl"

#include "kernels/isa/math.inl"
#include "kernels/isa/pointwise_chain.inl"

#include "kernels/isa/pointwise.inl"
}  // namespace
constinit const PwTable pw = make_pw_table();
}  // namespace fovea::kernels::avx512
#endif
