// Kernels along rows of a dense matrix [rows, cols]: norms, softmaxes and their gradients; and moments down its columns.
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

  // Its gradients; the statistics are computed again from x. dgamma and dbeta [cols], each may be null; without both, work
  // may be.
  static size_t layer_norm_backward_workspace(int64_t rows, int64_t cols);
  void layer_norm_backward(const float* dy, const float* x, const float* gamma, float eps, float* dx, float* dgamma,
                           float* dbeta, int64_t rows, int64_t cols, void* work, Pool& pool) const;

  // y = x / sqrt(mean(x^2) + eps) * gamma.
  void rms_norm(const float* x, const float* gamma, float eps, float* y, int64_t rows, int64_t cols, Pool& pool) const;

  void softmax(const float* x, float* y, int64_t rows, int64_t cols, Pool& pool) const;
  void log_softmax(const float* x, float* y, int64_t rows, int64_t cols, Pool& pool) const;
  // From the forward result y.
  void softmax_backward(const float* y, const float* dy, float* dx, int64_t rows, int64_t cols, Pool& pool) const;
  void log_softmax_backward(const float* y, const float* dy, float* dx, int64_t rows, int64_t cols, Pool& pool) const;

  // Mean and biased variance of every column. Blockwise two-pass, merged in double: safe for means far above the deviation.
  static size_t moments_workspace(int64_t rows, int64_t cols);
  void moments(const float* x, float* mean, float* var, int64_t rows, int64_t cols, void* work, Pool& pool) const;

  // The column of the first maximum of every row; a NaN counts as the largest.
  static void argmax(const float* x, int32_t* at, int64_t rows, int64_t cols, Pool& pool);
  // The k largest of every row, largest first, equal ones by column; values may be null. 1 <= k <= cols.
  static void top_k(const float* x, float* values, int32_t* at, int64_t rows, int64_t cols, int64_t k, Pool& pool);

 private:
  const struct RowsTable* table_;
};

}  // namespace fovea::kernels
