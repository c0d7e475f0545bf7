// EvoNorm-S0 (arXiv:2004.02967): normalisation and activation found together by search.
#pragma once
#include "nn/layers.h"

namespace fovea {

// x sigmoid(v x) over the spread of its group of channels, then scale and shift.
struct EvoNorm {
  int groups;
  bool active = true;         // without: no sigmoid
  bool always_divide = true;  // over the spread even where it is not active
  float eps = 1e-5f;
};
Tensor evo_norm(Scope s, Tensor x, const EvoNorm& a);

}  // namespace fovea
