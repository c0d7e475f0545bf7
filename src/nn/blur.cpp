#include "nn/blur.h"

#include "ops/layout.h"
#include "ops/pool.h"

namespace fovea {

// The window 1 2 1 is two averages of neighbours.
Tensor blur_pool(Tensor x, Border border) {
  if (border == Border::zero) return avg_pool(avg_pool(x, 2, 1, 1), 2, 2);
  for (int axis : {1, 2}) {
    Tensor parts[] = {slice(x, axis, 1, 1), x, slice(x, axis, x.dim(axis) - 2, 1)};
    x = concat(parts, axis);
  }
  return avg_pool(avg_pool(x, 2, 1), 2, 2);
}

Tensor mean_pool(Tensor x) { return avg_pool(x, 2, 2, Pad(0, 0, x.h() % 2, x.w() % 2), false); }

}  // namespace fovea
