// Halving a map by averages, anti-aliased (arXiv:1904.11486) or plain.
#pragma once
#include "nn/edges.h"

namespace fovea {

// Binomial windows, 1 2 1 for three taps, both ways, and every stride-th pixel of that: [n,h,w,c] -> [n,h/2,w/2,c], rounded
// up.
Tensor blur_pool(Tensor x, Edge edge, int taps = 3, int stride = 2);
// The mean of 2x2 pixels, of fewer at an odd border: [n,h,w,c] -> [n,h/2,w/2,c], rounded up.
Tensor mean_pool(Tensor x);

}  // namespace fovea
