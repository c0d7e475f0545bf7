// The blocks of mobile networks, one function each.
#pragma once
#include "nn/mobile.h"

namespace fovea {

// One block: where its parameters live, its row, and what the network has decided for it.
struct MobilePlace {
  Scope s;
  const MobileNet& m;
  const MobileRow& row;
  int stride, out;
  double expand;
  bool to_depth;                     // begins with a 2x2 convolution that halves the map
  const std::array<int, 2>* pruned;  // expanded channels and those of the squeeze, or null
  float drop;
};

Tensor mobile_block(const MobilePlace& b, Tensor x);                             // [n,h,w,c] -> [n,h/stride,w/stride,out]
Tensor mobile_norm(Scope s, Tensor x, const MobileNet& m, Act act = Act::none);  // the network's, and an activation

}  // namespace fovea
