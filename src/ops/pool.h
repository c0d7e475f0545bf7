// Max and average pooling over windows of [n,h,w,c], with their adjoints.
#pragma once
#include "ir/op.h"

namespace fovea {

// One output for each place of the window in the padded image: [n,h,w,c] -> [n,(h+top+bottom-size)/stride+1,...,c]. A window
// must hold a pixel: padding at most half of it before, less than it behind; usage errors otherwise.
struct Window {
  Pair size = 2, stride = 2;
  Pad pad = 0;
  bool operator==(const Window&) const = default;
};
struct MaxPool {
  Window window;
  FOVEA_ATTR(MaxPool, window.size, window.stride, window.pad)
};
// The gradient goes to the first maximum of a window in row-major order, as PyTorch does. in: x, dy.
struct MaxPoolGrad {
  Window window;
  FOVEA_ATTR(MaxPoolGrad, window.size, window.stride, window.pad)
};
// What stands in g where x has its window maximum: the adjoint of MaxPoolGrad. in: x, g (like x).
struct MaxPoolPick {
  Window window;
  FOVEA_ATTR(MaxPoolPick, window.size, window.stride, window.pad)
};
struct AvgPool {
  Window window;
  bool count_pad = true;  // the divisor counts padding (PyTorch's count_include_pad)
  FOVEA_ATTR(AvgPool, window.size, window.stride, window.pad, count_pad)
};
struct AvgPoolGrad {
  AvgPool pool;
  Shape x;
  FOVEA_ATTR(AvgPoolGrad, pool.window.size, pool.window.stride, pool.window.pad, pool.count_pad, x)
};

// The largest of each window; padding never wins.
Tensor max_pool(Tensor x, Pair size, Pair stride, Pad pad = 0);
// The mean of each window.
Tensor avg_pool(Tensor x, Pair size, Pair stride, Pad pad = 0, bool count_pad = true);

}  // namespace fovea
