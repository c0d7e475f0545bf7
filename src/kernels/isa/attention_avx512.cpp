#if defined(__x86_64__)
#include <immintrin.h>
#include <cstdint>

#include "kernels/attention_table.h"
#include "kernels/math_fits.h"

#define FOVEA_LANES 16
namespace fovea::kernels::avx512 {
namespace {
#include "kernels/isa/vec.inl"

#include "kernels/isa/math.inl"

#include "kernels/isa/transpose.inl"

#include "kernels/isa/attention.inl"
}  // namespace
constinit const AttentionTable attention = make_attention_table();
}  // namespace fovea::kernels::avx512
#endif
