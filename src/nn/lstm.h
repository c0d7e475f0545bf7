// Long short-term memory (Hochreiter and Schmidhuber 1997) along a sequence.
#pragma once
#include "nn/layers.h"

namespace fovea {

// Both ways along a sequence: [n,t,c] -> [n,t,2*hidden]; parameters as PyTorch's: weight_ih_l0, weight_hh_l0, bias_ih_l0,
// bias_hh_l0, and for the way back the same with _reverse.
Tensor bidirectional_lstm(Scope s, Tensor x, int hidden);

}  // namespace fovea
