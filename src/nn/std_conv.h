// Convolutions whose kernels are standardised.
#pragma once
#include "nn/layers.h"

namespace fovea {

// Every output channel's weights get mean 0 and variance gain^2 gamma^2 / fan_in (arXiv:2102.06171); parameters weight,
// gain, bias. gamma: what the activation in front takes from the variance.
struct ScaledStdConv {
  Pair stride = 1;
  Padding pad = Padding::centred;
  int groups = 1;
  float gamma = 1, eps = 1e-5f, gain = 1;  // gain: its starting value
};
Tensor scaled_std_conv(Scope s, Tensor x, int out, Pair window, const ScaledStdConv& o = {});

// Every output channel's weights get mean 0 and variance 1 (arXiv:1903.10520); parameter weight.
struct StdConv {
  Pair stride = 1;
  Padding pad = Padding::centred;
  float eps = 1e-6f;
};
Tensor std_conv(Scope s, Tensor x, int out, Pair window, const StdConv& o = {});

}  // namespace fovea
