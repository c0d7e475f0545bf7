#if defined(__x86_64__)
#include <immintrin.h>

#include <cstdint>

#include "kernels/depthwise_small_table.h"

#define FOVEA_LANES 8
namespace fovea::kernels::avx2 {
namespace {
#include "kernels/isa/vec.inl"

#include "kernels/isa/depthwise_small.inl"
using enum SmallWindow;
}  // namespace
constinit const SmallTable depthwise_small = {
    kLanes,
    {{sum_tiles<3, dense, 2>(), sum_tiles<3, strided, 2>(), sum_tiles<3, even, 2>(), sum_tiles<3, odd, 2>()},
     {sum_tiles<5, dense, 2>(), sum_tiles<5, strided, 2>(), sum_tiles<5, even, 2>(), sum_tiles<5, odd, 2>()}},
    {{weight_tiles<3, dense, 1>(), weight_tiles<3, strided, 1>()}, {{}, weight_tiles<5, strided, 1>()}}};
}  // namespace fovea::kernels::avx2
#endif
