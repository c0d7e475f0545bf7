#if defined(__x86_64__)
#include <immintrin.h>
#include <cstdint>

#include "kernels/pool_table.h"

#define FOVEA_LANES 8
namespace fovea::kernels::avx2 {
namespace {
#include "kernels/isa/vec.inl"

#include "kernels/isa/pool.inl"
}  // namespace
constinit const PoolTable pool = make_pool_table();
}  // namespace fovea::kernels::avx2
#endif
