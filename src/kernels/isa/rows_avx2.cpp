#if defined(__x86_64__)
#include <immintrin.h>
#include <cstdint>

#include "kernels/isa/tables.h"
#include "kernels/math_fits.h"

#define FOVEA_LANES 8
namespace fovea::kernels::avx2 {
namespace {
#include "kernels/isa/vec.inl"

#include "kernels/isa/math.inl"
#include "kernels/isa/reduce.inl"
#include "kernels/isa/rows.inl"
}  // namespace
constinit const RowsTable rows = make_rows_table();
}  // namespace fovea::kernels::avx2
#endif
