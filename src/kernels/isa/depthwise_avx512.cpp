#if defined(__x86_64__)
#include <immintrin.h>

#include <cstdint>

#include "kernels/depthwise_tile.h"

#define FOVEA_LANES 16
namespace fovea::kernels::avx512 {
namespace {
#include "kernels/isa/vec.inl"

#include "kernels/isa/transpose.inl"

#include "kernels/isa/depthwise.inl"
}  // namespace
constinit const DepthwiseTable depthwise =
    make_depthwise_table(Int<1>{}, Int<2>{}, Int<3>{}, Int<4>{}, Int<5>{}, Int<6>{}, Int<7>{}, Int<8>{}, Int<9>{}, Int<10>{},
                         Int<11>{}, Int<12>{}, Int<13>{}, Int<14>{});
}  // namespace fovea::kernels::avx512
#endif
