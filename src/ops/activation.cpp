// Sources: GELU arXiv:1606.08415; SiLU arXiv:1710.05941; Mish arXiv:1908.08681; hard-swish arXiv:1905.02244; ELU
// arXiv:1511.07289; SELU arXiv:1706.02515.
#include "ops/activation.h"

#include "ops/pointwise.h"

namespace fovea {

const char* enum_name(Act a) {
  static const char* const names[] = {"none", "relu", "relu6",        "gelu",       "gelu_tanh", "quick_gelu",
                                      "silu", "mish", "hard_sigmoid", "hard_swish", "sigmoid",   "tanh",
                                      "elu",  "selu", "leaky_relu",   "softplus"};
  return names[static_cast<int>(a)];
}

Tensor activation(Tensor x, Act act) { return act == Act::none ? x : record(Activation{act}, {x}); }

static Tensor elu(Tensor x, float alpha) { return select(greater(x, 0.0f), x, alpha * (exp(minimum(x, 0.0f)) - 1.0f)); }
// log(1 + e^x) without overflow.
static Tensor softplus(Tensor x) { return maximum(x, 0.0f) + log(1.0f + exp(-abs(x))); }

static std::string describe(const Activation& a, Types) { return enum_name(a.act); }

static Tensor body(const Activation& a, std::span<const Tensor> in) {
  Tensor x = in[0];
  switch (a.act) {
    case Act::none: return x;
    case Act::relu: return relu(x);
    case Act::relu6: return clamp(x, 0, 6);
    case Act::gelu: return x * (0.5f * (1.0f + erf(x * 0.70710678118654752f)));
    case Act::gelu_tanh: return x * (0.5f * (1.0f + tanh(0.79788456080286536f * (x + 0.044715f * (x * square(x))))));
    case Act::quick_gelu: return x * sigmoid(1.702f * x);
    case Act::silu: return x * sigmoid(x);
    case Act::mish: return x * tanh(softplus(x));
    case Act::hard_sigmoid: return clamp(x + 3.0f, 0, 6) * (1.0f / 6);
    case Act::hard_swish: return x * (clamp(x + 3.0f, 0, 6) * (1.0f / 6));
    case Act::sigmoid: return sigmoid(x);
    case Act::tanh: return tanh(x);
    case Act::elu: return elu(x, 1.0f);
    case Act::selu: return 1.0507009873554805f * elu(x, 1.6732632423543772f);
    case Act::leaky_relu: return select(greater(x, 0.0f), x, 0.01f * x);
    case Act::softplus: return softplus(x);
  }
  return x;
}

static Type infer(const Activation&, Types in) { return in[0]; }
static Cases cases() {
  Cases r;
  for (int a = static_cast<int>(Act::relu); a <= static_cast<int>(Act::softplus); a++)
    r.push_back(
        {enum_name(static_cast<Act>(a)), {{3, 37}}, [a](auto in) { return activation(in[0], static_cast<Act>(a)); }, -5, 5});
  return r;
}

FOVEA_OP(Activation, "activation", cases)
FOVEA_OPS(activation, &Activation::op)

}  // namespace fovea
