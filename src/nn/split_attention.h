// Several convolutions of one map, and attention that weighs their channels against each other.
#pragma once
#include "nn/layers.h"

namespace fovea {

// `radix` 3x3 convolutions of shares of the channels, weighed by a softmax over them, or, for radix 1, by a sigmoid
// (ResNeSt, arXiv:2004.08955). [n,h,w,c] -> [n,h/stride,w/stride,c]
struct SplitAttention {
  int radix = 2, groups = 1, stride = 1;
};
Tensor split_attention(Scope s, Tensor x, const SplitAttention& a);

// Two 3x3 convolutions, the second one dilated, weighed by a softmax over the two (SKNet, arXiv:1903.06586). split: each
// reads half of the channels only.
struct SelectiveKernel {
  int out, stride = 1, groups = 1;
  double ratio = 1.0 / 16;  // of the attention's hidden channels
  int divisor = 8;
  bool split = true;
};
Tensor selective_kernel(Scope s, Tensor x, const SelectiveKernel& a);  // [n,h,w,c] -> [n,h/stride,w/stride,out]

}  // namespace fovea
