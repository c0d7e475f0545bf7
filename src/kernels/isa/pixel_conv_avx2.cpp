#if defined(__x86_64__)
#include <immintrin.h>
#include <cstdint>

#include "kernels/pixel_conv_table.h"

#define FOVEA_LANES 8
namespace fovea::kernels::avx2 {
namespace {
#include "kernels/isa/vec.inl"

#include "kernels/isa/pixel_conv.inl"
}  // namespace
constinit const PixelConvTable pixel_conv = make_pixel_conv_table();
}  // namespace fovea::kernels::avx2
#endif
