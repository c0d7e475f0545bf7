// Convolution that leaves padding out of its mean (arXiv:1811.11718): where the window reaches over the edge, the sum is
// scaled up by how much of it is missing.
#pragma once
#include "nn/layers.h"
#include "ops/conv2d.h"

namespace fovea {

struct PartialWindows {
  Tensor scale;  // the window's size over its pixels inside of the map: [1,h',w',1]
  Tensor some;   // 1 where there is a pixel, else 0
};
PartialWindows partial_windows(Graph& g, Pair map, Pair window, const Conv2d& a);

Tensor partial_conv(Scope s, Tensor x, int out, Pair window, const ConvOptions& o = {});  // [n,h,w,c] -> [n,h',w',out]

}  // namespace fovea
