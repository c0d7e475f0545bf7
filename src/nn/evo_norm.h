// Normalisation and activation in one, independent of the batch.
#pragma once
#include "nn/layers.h"

namespace fovea {

// EvoNorm-S0 (arXiv:2004.02967), found by search: x sigmoid(v x) over the spread of its group of channels, then scale and
// shift.
struct EvoNorm {
  int groups;
  bool active = true;         // without: no sigmoid
  bool always_divide = true;  // over the spread even where it is not active
  float eps = 1e-5f;
};
Tensor evo_norm(Scope s, Tensor x, const EvoNorm& a);

// Filter response normalisation (arXiv:1911.09737): every channel over its root mean square, then max(., tau) for a
// learned tau.
Tensor filter_response_norm(Scope s, Tensor x, float eps = 1e-5f);

}  // namespace fovea
