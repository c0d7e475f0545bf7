// A convolution, batch_norm and an activation, what most convolutional networks are made of.
#pragma once
#include "nn/layers.h"

namespace fovea {

struct ConvNormAct {
  Pair stride = 1;
  int groups = 1, dilation = 1;
  Act act = Act::relu;
  Padding pad = Padding::centred;
  float eps = 1e-5f;
  bool bias = false;
  InitRule init = fan_out_normal;
  const char *conv = "conv", *norm = "bn";  // the scope's names for the two
};
Tensor conv_norm_act(Scope s, Tensor x, int out, Pair window, const ConvNormAct& o = {});  // [n,h,w,c] -> [n,h',w',out]

}  // namespace fovea
