// Bilinear attentional transforms (Chi et al., CVPR 2020).
#pragma once
#include "nn/layers.h"

namespace fovea {

// Blocks of the map are mixed from the left and from the right by matrices [block, block] that the map itself gives, for
// each of two groups of channels; a residual bottleneck of `hidden` channels around it. Height and width are multiples of
// block.
Tensor bilinear_attention(Scope s, Tensor x, int hidden, int block = 8);

}  // namespace fovea
