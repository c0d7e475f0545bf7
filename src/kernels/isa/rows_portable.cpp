#include <cstdint>

#include "kernels/isa/tables.h"

#define FOVEA_LANES 4
namespace fovea::kernels::portable {
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
}  // namespace fovea::kernels::portable
