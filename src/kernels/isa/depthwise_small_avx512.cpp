#if defined(__x86_64__)
#include <immintrin.h>

#include <cstdint>

#include "kernels/depthwise_small_table.h"

#define FOVEA_LANES 16
namespace fovea::kernels::avx512 {
namespace {
#include "kernels/isa/vec.inl"

#include "kernels/isa/depthwise_small.inl"
using enum SmallWindow;
}  // namespace
constinit const SmallTable depthwise_small = {
    kLanes,
    {{sum_tiles<3, dense, 4>(), sum_tiles<3, strided, 4>(), sum_tiles<3, even, 4>(), sum_tiles<3, odd, 4>()},
     {sum_tiles<5, dense, 4>(), sum_tiles<5, strided, 4>(), sum_tiles<5, even, 4>(), sum_tiles<5, odd, 4>()}},
    {{weight_tiles<3, dense, 4>(), weight_tiles<3, strided, 4>()}, {{}, weight_tiles<5, strided, 1>()}}};
}  // namespace fovea::kernels::avx512
#endif
