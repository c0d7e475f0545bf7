// Convolution and batch norm as one layer: what the networks after LeViT (arXiv:2104.01136) are made of.
#pragma once
#include "nn/layers.h"

namespace fovea {

// Called with a scope, it makes one such layer. Families differ in its names.
struct ConvNorm {
  const char *conv = "conv", *norm = "bn";
  bool bias = false;
  InitRule init = truncated_normal;
  float eps = 1e-5f;
  // [n,h,w,c] -> [n,h/stride,w/stride,out]; gamma is where the norm's scale starts, 0 in branches that begin as nothing.
  Tensor operator()(Scope s, Tensor x, int out, Pair window = 1, int stride = 1, int groups = 1, float gamma = 1) const;
  Tensor depthwise(Scope s, Tensor x, Pair window, int stride = 1, float gamma = 1) const;
};

// 1x1 expansion, depthwise 3x3/2, squeeze and excitation, 1x1: conv1, conv2, se, conv3. [n,h,w,c] -> [n,h/2,w/2,out].
Tensor merge_patches(const ConvNorm& layer, Scope s, Tensor x, int out);
// Batch norm and a linear classifier of vectors [n,c].
Tensor norm_linear(Scope s, const char* name, Tensor x, int classes, float drop = 0);

}  // namespace fovea
