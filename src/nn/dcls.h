// Dilated convolution with learnable spacings (arXiv:2112.03740, arXiv:2306.00817): a few weights with real positions in a
// large box, each spread over the pixels around its position.
#pragma once
#include <string>

#include "ir/scope.h"

namespace fovea {

enum class Spread : uint8_t {
  plain,     // over the 4 pixels around it, by how near they are: what falls outside of the box is lost
  bilinear,  // the same, and what is inside counts as the whole
  tent,      // the same, over a width that is learned
  gauss      // by a Gaussian of a width that is learned
};
Spread spread_of(const std::string& version);  // "v0", "v1", "max", "gauss"

struct SpacedKernel {
  int out = 0, in = 0, count = 0;  // in: of a group; count: weights of a kernel
  Pair box = 1;
  int axes = 2;  // 1: positions along rows alone
  Spread spread = Spread::bilinear;
};
// Parameters weight [out,in,count], P and SIG [axes,out,in,count], P from the middle of the box: [out,h,w,in].
Tensor spaced_kernel(Scope s, const SpacedKernel& o);

}  // namespace fovea
