// Convolutions with branches that only training needs: the pass merge_branches makes one convolution of them.
#pragma once
#include "nn/layers.h"

namespace fovea {

struct SmallConv {
  int window, dilation = 1;
};
// A depthwise convolution, lk_origin, and smaller ones inside its window, dil_conv_k5_1, dil_conv_k7_2 (window 7, dilation
// 2), ..., each with its norm, added up (UniRepLKNet, arXiv:2311.15599). [n,h,w,c] -> same.
Tensor dilated_reparam(Scope s, Tensor x, int window, std::span<const SmallConv> small, float eps = 1e-5f);

}  // namespace fovea
