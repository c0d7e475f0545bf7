#include "nn/blur.h"

#include "ops/pool.h"

namespace fovea {

// A binomial window of n taps is n - 1 averages of neighbours.
Tensor blur_pool(Tensor x, Edge edge, int taps, int stride) {
  int before = (taps - 1) / 2, after = taps / 2;
  x = pad_edges(x, Pad(before, before, after, after), edge);
  for (int i = taps; i > 2; i--) x = avg_pool(x, 2, 1);
  return avg_pool(x, 2, stride);
}

Tensor mean_pool(Tensor x) { return avg_pool(x, 2, 2, Pad(0, 0, x.h() % 2, x.w() % 2), false); }

}  // namespace fovea
