#include "nn/long_conv.h"

#include <algorithm>

#include "base/error.h"
#include "ops/conv2d.h"
#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

// y[i] = sum_j kernel[j] x[i + ahead - j]: the transposed convolution, which does not mirror its kernel.
static Tensor convolve(Tensor x, Tensor kernel, int ahead) {  // [n,l,c], [c,k]
  int n = x.dim(0), l = x.dim(1), c = x.dim(2), k = kernel.dim(1);
  Conv2d a{.pad = Pad(0, ahead, 0, k - 1 - ahead), .groups = c};
  Tensor y = conv2d_input_grad(reshape(kernel, {c, 1, k, 1}), reshape(x, {n, 1, l, c}), a, {n, 1, l, c});
  return reshape(y, x.shape());
}

Tensor causal_conv(Tensor x, Tensor kernel) {
  return convolve(x, slice(kernel, 1, 0, std::min(kernel.dim(1), x.dim(1))), 0);
}

Tensor two_sided_conv(Tensor x, Tensor kernel) {
  int l = x.dim(1);
  if (kernel.dim(1) != 2 * l) fail(Code::usage, "a kernel of {} for {} elements: need {}", kernel.dim(1), l, 2 * l);
  if (l == 1) return causal_conv(x, kernel);
  Tensor parts[] = {slice(kernel, 1, l + 1, l - 1), slice(kernel, 1, 0, l)};
  return convolve(x, concat(parts, 1), l - 1);
}

Tensor reverse(Tensor x, int axis) {
  int n = x.dim(axis);
  Dims swap;
  for (int i = 0; i < x.rank(); i++) swap.push(i);
  std::swap(swap[0], swap[axis]);
  Tensor last_first = static_cast<float>(n - 1) - iota(*x.graph, {n}, 0);
  return transpose(gather(transpose(x, swap), last_first), swap);
}

}  // namespace fovea
