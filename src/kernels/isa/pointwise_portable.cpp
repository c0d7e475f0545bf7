#include <cstdint>

#include "kernels/isa/tables.h"
#include "kernels/math_fits.h"

#define FOVEA_LANES 4
namespace fovea::kernels::portable {
namespace {
#include "kernels/isa/vec.inl"

#include "kernels/isa/math.inl"
#include "kernels/isa/pointwise_chain.inl"

#include "kernels/isa/pointwise.inl"
}  // namespace
constinit const PwTable pw = make_pw_table();
}  // namespace fovea::kernels::portable
