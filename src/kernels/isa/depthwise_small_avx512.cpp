#if defined(__x86_64__)
#include <immintrin.h>

#include <cstdint>

#include "kernels/depthwise_small_table.h"

#define FOVEA_LANES 16
namespace fovea::kernels::avx512 {
namespace {
#include "kernels/isa/vec.inl"

#include "kernels/isa/depthwise_small.inl"
}  // namespace
constinit const SmallTable depthwise_small = small_table<4, 4>();
}  // namespace fovea::kernels::avx512
#endif
