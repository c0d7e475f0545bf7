// Activation functions: composites of pointwise operators, kept whole for exporters and quantizers.
#pragma once
#include "ir/op.h"

namespace fovea {

enum class Act : uint8_t {
  none,
  relu,
  relu6,
  gelu,
  gelu_tanh,
  quick_gelu,
  silu,
  mish,
  hard_sigmoid,
  hard_swish,
  sigmoid,
  tanh,
  elu,
  selu,
  leaky_relu,
  softplus
};
const char* enum_name(Act a);

struct Activation {
  Act act;
  FOVEA_ATTR(Activation, act)
};
Tensor activation(Tensor x, Act act);  // none: x itself

inline Tensor gelu(Tensor x) { return activation(x, Act::gelu); }

}  // namespace fovea
