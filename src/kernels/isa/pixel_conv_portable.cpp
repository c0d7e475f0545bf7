#include <cstdint>

#include "kernels/pixel_conv_table.h"

#define FOVEA_LANES 4
namespace fovea::kernels::portable {
namespace {
#include "kernels/isa/vec.inl"

#include "kernels/isa/pixel_conv.inl"
}  // namespace
constinit const PixelConvTable pixel_conv = make_pixel_conv_table();
}  // namespace fovea::kernels::portable
