#if defined(__x86_64__)
#include <immintrin.h>

#include <cstdint>

#include "kernels/fft_table.h"

#define FOVEA_LANES 16
namespace fovea::kernels::avx512 {
namespace {
#include "kernels/isa/vec.inl"

#include "kernels/isa/fft.inl"
}  // namespace
constinit const FftTable fft = make_fft_table();
}  // namespace fovea::kernels::avx512
#endif
