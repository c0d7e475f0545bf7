#include <cstdint>

#include "kernels/depthwise_tile.h"

#define FOVEA_LANES 4
namespace fovea::kernels::portable {
namespace {
#include "kernels/isa/vec.inl"

#include "kernels/isa/transpose.inl"

#include "kernels/isa/depthwise.inl"
}  // namespace
constinit const DepthwiseTable depthwise = make_depthwise_table(Int<1>{}, Int<2>{}, Int<3>{}, Int<4>{});
}  // namespace fovea::kernels::portable
