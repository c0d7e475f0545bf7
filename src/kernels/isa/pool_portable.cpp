#include <cstdint>

#include "kernels/pool_table.h"

#define FOVEA_LANES 4
namespace fovea::kernels::portable {
namespace {
#include "kernels/isa/vec.inl"

#include "kernels/isa/pool.inl"
}  // namespace
constinit const PoolTable pool = make_pool_table();
}  // namespace fovea::kernels::portable
