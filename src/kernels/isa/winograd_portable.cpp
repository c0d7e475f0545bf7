#include <cstdint>

#include "kernels/winograd_table.h"

#define FOVEA_LANES 4
namespace fovea::kernels::portable {
namespace {
#include "kernels/isa/vec.inl"

#include "kernels/isa/winograd.inl"
}  // namespace
constinit const WinogradTable winograd = {
    {input_tile<2>, output_tile<2>}, {input_tile<4>, output_tile<4>}, {output_gradient_tile, kernel_gradient_tile}};
}  // namespace fovea::kernels::portable
