#include "ops/activation.h"

#include "io/onnx/emitter.h"

namespace fovea::onnx {

// As PyTorch's exporter writes it, which is what engines look for: x * (1 + erf(x / sqrt(2))) * 0.5.
static std::string gelu(Emitter& e, const std::string& x) {
  std::string y = e.add("Erf", {e.add("Div", {x, e.scalar(1.41421356237309505f)})});
  return e.add("Mul", {e.add("Mul", {x, e.add("Add", {y, e.scalar(1)})}), e.scalar(0.5f)});
}

static std::string mapped(Emitter& e, Act act, const std::string& x) {
  switch (act) {
    case Act::relu: return e.add("Relu", {x});
    case Act::gelu: return gelu(e, x);
    case Act::mish: return e.add("Mul", {x, e.add("Tanh", {e.add("Softplus", {x})})});
    case Act::hard_sigmoid: return e.add("HardSigmoid", {x}, {{"alpha", 1.0f / 6}, {"beta", 0.5f}});
    case Act::hard_swish: return e.add("HardSwish", {x});
    case Act::elu: return e.add("Elu", {x}, {{"alpha", 1.0f}});
    case Act::selu: return e.add("Selu", {x}, {{"alpha", 1.67326324235437729f}, {"gamma", 1.05070098735548049f}});
    case Act::leaky_relu: return e.add("LeakyRelu", {x}, {{"alpha", 0.01f}});
    case Act::softplus: return e.add("Softplus", {x});
    case Act::none:
    case Act::relu6:
    case Act::gelu_tanh:
    case Act::quick_gelu:
    case Act::silu:
    case Act::sigmoid:
    case Act::tanh: return "";  // the body says it best
  }
  return "";
}

static std::optional<Value> activation(Emitter& e, int id) {
  const Node n = e.node(id);
  Value x = e.value(n.inputs[0]);
  std::string y = mapped(e, n.attr.as<Activation>().act, x.name);
  if (y.empty()) return {};
  return Value{y, x.order};
}

FOVEA_ONNX(activation, {&Activation::op, activation})

}  // namespace fovea::onnx
