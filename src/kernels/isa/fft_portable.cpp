#include <cstdint>

#include "kernels/fft_table.h"

#define FOVEA_LANES 4
namespace fovea::kernels::portable {
namespace {
#include "kernels/isa/vec.inl"

#include "kernels/isa/fft.inl"
}  // namespace
constinit const FftTable fft = make_fft_table();
}  // namespace fovea::kernels::portable
