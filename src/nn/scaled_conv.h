// The middle of a Res2Net bottleneck (arXiv:1904.01169).
#pragma once
#include "nn/layers.h"

namespace fovea {

// Equal shares of the channels: each but the last goes through a 3x3 convolution, to which the result of the one before is
// added, or, where the block begins a stage, is not (separate); the last share stays, or is averaged. Parameters convs.0,
// bns.0, ...
struct ScaledConv {
  int scales = 4, stride = 1, groups = 1;
  bool separate = false;
};
Tensor scaled_conv(Scope s, Tensor x, const ScaledConv& a);  // [n,h,w,c] -> [n,h/stride,w/stride,c]

}  // namespace fovea
