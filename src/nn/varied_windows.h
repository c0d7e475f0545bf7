// Varied-size window attention, VSA (arXiv:2204.08446): every head of a window says where its keys and values come from, by
// the size and the place of another window.
#pragma once
#include "nn/layers.h"

namespace fovea {

struct VariedWindows {
  int heads = 1, out = 0, window = 7;
  bool qkv_bias = true;
  float scale = 0;  // of the products; 0: 1/sqrt(channels of a head)
  float drop = 0;   // of the result
};
// Parameters sampling_offsets.2, sampling_scales.2, qkv, relative_position_bias_table, proj; maps that windows do not fill
// are padded with zeros. [n,h,w,c] -> [n,h,w,out]
Tensor varied_window_attention(Scope s, Tensor x, const VariedWindows& o);

}  // namespace fovea
