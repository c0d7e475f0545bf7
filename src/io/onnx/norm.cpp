#include "ops/norm.h"

#include "io/onnx/emitter.h"

namespace fovea::onnx {

static std::optional<Value> layer_norm(Emitter& e, int id) {
  const Node n = e.node(id);
  Inputs in{e.plain(n.inputs[0]), e.plain(n.inputs[1]), e.plain(n.inputs[2])};
  std::string y = e.add("LayerNormalization", in, {{"axis", int64_t{-1}}, {"epsilon", n.attr.as<LayerNorm>().eps}});
  return Value{y, identity(n.type.shape.rank)};
}

FOVEA_ONNX(norm, {&LayerNorm::op, layer_norm})

}  // namespace fovea::onnx
