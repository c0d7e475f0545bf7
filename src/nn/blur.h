// Halving a map by averages, anti-aliased (arXiv:1904.11486) or plain.
#pragma once
#include "ir/graph.h"

namespace fovea {

enum class Border : uint8_t { zero, mirror };
// The window 1 2 1 both ways, every other pixel: [n,h,w,c] -> [n,h/2,w/2,c], rounded up.
Tensor blur_pool(Tensor x, Border border);
// The mean of 2x2 pixels, of fewer at an odd border: [n,h,w,c] -> [n,h/2,w/2,c], rounded up.
Tensor mean_pool(Tensor x);

}  // namespace fovea
