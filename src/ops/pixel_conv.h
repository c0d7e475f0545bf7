// Convolution with a kernel of its own for every pixel of the result, shared by the channels of a group, and its two
// adjoints: the three close on each other, so every order of derivative is made of them.
//   y[n,i,j,c] = sum_{u,v} x[n, i*s - p + u*d, j*s - p + v*d, c] k[n,i,j, (c / (c's per group), u, v)]
#pragma once
#include "ir/op.h"

namespace fovea {

struct PixelConv {
  Pair size = 3, stride = 1;
  Pad pad = 0;
  Pair dilation = 1;
  FOVEA_ATTR(PixelConv, size, stride, pad, dilation)
};
// in: k, dy.
struct PixelConvInputGrad {
  PixelConv conv;
  Shape x;
  FOVEA_ATTR(PixelConvInputGrad, conv.size, conv.stride, conv.pad, conv.dilation, x)
};
// in: x, dy.
struct PixelConvKernelGrad {
  PixelConv conv;
  int groups;
  FOVEA_ATTR(PixelConvKernelGrad, conv.size, conv.stride, conv.pad, conv.dilation, groups)
};

// x [n,h,w,c], k [n,h',w',groups*size] -> [n,h',w',c].
Tensor pixel_conv(Tensor x, Tensor k, const PixelConv& a);

}  // namespace fovea
