// Max and average pooling, forward and backward. x [n,h,w,c], y [n,oh,ow,c]. Any window, stride and padding; a
// ceil-mode shape is one with more padding at the far side.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/cpu.h"
#include "base/threads.h"
#include "kernels/window.h"

namespace fovea::kernels {

struct PoolTable;

struct PoolShape {
  int n, h, w, c, kh, kw;
  int sh = 1, sw = 1, pt = 0, pl = 0, pb = 0, pr = 0;

  int oh() const { return (h + pt + pb - kh) / sh + 1; }
  int ow() const { return (w + pl + pr - kw) / sw + 1; }
  bool operator==(const PoolShape&) const = default;
};

// The largest of the window; padding never wins, and a window of nothing but padding gives -inf. A NaN in the window wins.
class MaxPool {
 public:
  MaxPool(const PoolShape& shape, Isa isa, int threads);
  size_t forward_workspace_bytes() const;
  void forward(const float* x, float* y, void* work, Pool& pool) const;
  // A gradient goes to the first maximum of its window, row by row; with NaNs, to the last of them.
  size_t backward_workspace_bytes() const;
  void backward(const float* x, const float* dy, float* dx, void* work, Pool& pool) const;

 private:
  PoolShape s_;
  const PoolTable& isa_;
  int threads_;
  WindowTaps rows_, columns_, rows_back_, columns_back_;
};

// The sum of the window over its count; with count_pad padding counts too, at the far side no more than at the near one (as
// in PyTorch).
class AvgPool {
 public:
  AvgPool(const PoolShape& shape, bool count_pad, Isa isa, int threads);
  size_t workspace_bytes() const;
  void forward(const float* x, float* y, void* work, Pool& pool) const;
  void backward(const float* dy, float* dx, void* work, Pool& pool) const;

 private:
  PoolShape s_;
  const PoolTable& isa_;
  int threads_;
  WindowTaps rows_, columns_, rows_back_, columns_back_;
  std::vector<float> row_count_, column_count_;  // of every output row and column; their product divides
  std::vector<float> row_scale_, column_scale_;  // 1 / count
};

}  // namespace fovea::kernels
