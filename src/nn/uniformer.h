// What UniFormer (arXiv:2201.09450) and its small variants have in common.
#pragma once
#include "nn/layers.h"

namespace fovea {

Tensor uniformer_stem(Scope s, Tensor image, int dim);            // two 3x3 convolutions: [n,h,w,c] -> [n,h/4,w/4,dim]
Tensor uniformer_patches(Scope s, Tensor x, int dim, int patch);  // [n,h,w,c] -> [n,h/patch,w/patch,dim]
Tensor uniformer_place(Scope s, Tensor x);                        // positions, by a depthwise convolution
// A block that gathers from 5x5 pixels; scale: layer scale's starting value, 0: none. [n,h,w,c] -> same.
Tensor uniformer_local(Scope s, Tensor x, int expand, float drop, float scale = 0);

}  // namespace fovea
