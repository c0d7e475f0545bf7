#if defined(__x86_64__)
#include <immintrin.h>
#include <cstdint>

#include "kernels/isa/tables.h"

#define FOVEA_LANES 8
namespace fovea::kernels::avx2 {
namespace {
#include "kernels/isa/vec.inl"

#include "kernels/isa/math.inl"
#include "kernels/isa/reduce.inl"
#include "kernels/isa/rows.inl"
}  // namespace
constinit const RowsTable rows = {sum_rows,
                                  max_rows,
                                  sum_cols,
                                  max_cols,
                                  move_sum,
                                  move_max,
                                  layer_norm,
                                  rms_norm,
                                  layer_norm_backward,
                                  softmax,
                                  log_softmax,
                                  softmax_backward,
                                  log_softmax_backward,
                                  join_moments};
}  // namespace fovea::kernels::avx2
#endif
