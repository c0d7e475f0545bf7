// 2-D convolution, NHWC x OHWI, and its two adjoints: the three close on each other, so every order of derivative is
// made of them.
//   y[n,i,j,o] = sum_{u,v,c} x[n, i*s - p + u*d, j*s - p + v*d, c] w[o,u,v,c]
#pragma once
#include "ir/op.h"

namespace fovea {

struct Conv2d {
  Pair stride = 1;
  Pad pad = 0;
  Pair dilation = 1;
  int groups = 1;
  FOVEA_ATTR(Conv2d, stride, pad, dilation, groups)
};
struct Conv2dInputGrad {
  Conv2d conv;
  Shape x;
  FOVEA_ATTR(Conv2dInputGrad, conv.stride, conv.pad, conv.dilation, conv.groups, x)
};
struct Conv2dWeightGrad {
  Conv2d conv;
  Shape w;
  FOVEA_ATTR(Conv2dWeightGrad, conv.stride, conv.pad, conv.dilation, conv.groups, w)
};

Tensor conv2d(Tensor x, Tensor w, Conv2d a = {});
Tensor conv2d_input_grad(Tensor w, Tensor dy, const Conv2d& a, const Shape& x);  // also the transposed convolution
Tensor conv2d_weight_grad(Tensor x, Tensor dy, const Conv2d& a, const Shape& w);
// [n,h,w,c] of the result; throws usage errors.
Shape conv2d_shape(const Shape& x, const Shape& w, const Conv2d& a);

}  // namespace fovea
