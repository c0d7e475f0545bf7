// Recursive gated convolution, g^nConv (HorNet, arXiv:2207.14284).
#pragma once
#include "nn/layers.h"

namespace fovea {

// The channels' second half and more, convolved, gates the rest in `order` steps of widths c/2^(order-1), ..., c/2, c, with
// a linear map between two steps; parameters proj_in, dwconv, pws.0, ..., proj_out. [n,h,w,c] -> same.
struct GatedConv {
  int order = 5;
  float scale = 1;       // of the gates
  Pair filter = {0, 0};  // size of the spectrum of a global filter beside a 3x3 convolution; none: a 7x7 convolution
};
Tensor gated_conv(Scope s, Tensor x, const GatedConv& a);

}  // namespace fovea
