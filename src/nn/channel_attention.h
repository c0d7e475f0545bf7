// Attention over channels: every channel of a map is multiplied by a gate computed from all channels' averages.
#pragma once
#include "nn/layers.h"

namespace fovea {

// Squeeze and excitation (arXiv:1709.01507): gate(expand(act(reduce(mean)))). The scope's names for the two layers differ
// by family: fc1, fc2 in residual networks, conv_reduce, conv_expand in mobile ones.
struct SqueezeExcite {
  int hidden;
  Act act = Act::relu, gate = Act::sigmoid;
  const char *reduce = "fc1", *expand = "fc2";
  InitRule init = fan_out_normal;
  const char* norm = nullptr;  // a batch_norm between the two, of this name
  bool bias = true;
};
Tensor squeeze_excite(Scope s, Tensor x, const SqueezeExcite& a);

// One layer, fc, and a hard sigmoid (arXiv:1911.06667).
Tensor effective_squeeze_excite(Scope s, Tensor x);

// Efficient channel attention (arXiv:1910.03151): a convolution along the channels, its window by their number or by that
// of a wider map, `channels`, that x was pruned from.
Tensor efficient_channel_attention(Scope s, Tensor x, int channels = 0);

// Global context (arXiv:1904.11492): the pixels' average with learned weights, two layers, and what they say is a sigmoid
// gate or, with add, joins every pixel.
Tensor global_context(Scope s, Tensor x, int hidden, Act act = Act::relu, bool add = false);

}  // namespace fovea
