#include <cstdint>

#include "kernels/depthwise_small_table.h"

#define FOVEA_LANES 4
namespace fovea::kernels::portable {
namespace {
#include "kernels/isa/vec.inl"

#include "kernels/isa/depthwise_small.inl"
}  // namespace
constinit const SmallTable depthwise_small = small_table<2, 1>();
}  // namespace fovea::kernels::portable
