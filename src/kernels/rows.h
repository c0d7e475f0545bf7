// Kernels along rows of a dense matrix [rows, cols]: norms and softmaxes; and moments down its columns.
// Results do not depend on the number of threads. y may be x, dx may be dy; otherwise buffers must not overlap.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/cpu.h"
#include "base/threads.h"

namespace fovea::kernels {

class Rows {
 public:
  explicit Rows(Isa isa);

  // y = (x - mean) / sqrt(var + eps) * gamma + beta, each row by itself; gamma and beta [cols], each may be null.
  void layer_norm(const float* x, const float* gamma, const float* beta, float eps, float* y, int64_t rows, int64_t cols,
                  Pool& pool) const;

  // Its gradient of x; the statistics are computed again.
  void layer_norm_backward(const float* dy, const float* x, const float* gamma, float eps, float* dx, int64_t rows,
                           int64_t cols, Pool& pool) const;

  // Its gradients of gamma and beta: down the columns, the sums of dy * normalised x and of dy.
  static size_t layer_norm_sums_workspace(int64_t rows, int64_t cols);
  void layer_norm_sums(const float* dy, const float* x, float eps, float* dgamma, float* dbeta, int64_t rows, int64_t cols,
                       void* work, Pool& pool) const;

  void softmax(const float* x, float* y, int64_t rows, int64_t cols, Pool& pool) const;
  void log_softmax(const float* x, float* y, int64_t rows, int64_t cols, Pool& pool) const;

  // y [groups, cols]: sums of `each` rows of x [groups * each, cols], in floats; on the calling thread.
  void sum_groups(const float* x, float* y, int64_t groups, int64_t each, int64_t cols) const;

  // Mean and biased variance of every column. Blockwise two-pass, merged in double: safe for means far above the deviation.
  static size_t moments_workspace(int64_t rows, int64_t cols);
  void moments(const float* x, float* mean, float* var, int64_t rows, int64_t cols, void* work, Pool& pool) const;

 private:
  const struct RowsTable* table_;
};

}  // namespace fovea::kernels
