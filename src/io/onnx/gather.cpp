#include "ops/gather.h"

#include "io/onnx/emitter.h"

namespace fovea::onnx {

static std::optional<Value> iota(Emitter& e, int id) {
  const Node n = e.node(id);
  const Iota& a = n.attr.as<Iota>();
  std::vector<float> values(static_cast<size_t>(a.shape.numel()));
  int64_t inner = 1;
  for (int i = a.axis + 1; i < a.shape.rank; i++) inner *= a.shape[i];
  for (size_t i = 0; i < values.size(); i++)
    values[i] = static_cast<float>(static_cast<int64_t>(i) / inner % a.shape[a.axis]);
  return Value{e.tensor("iota", a.shape, values), identity(a.shape.rank)};
}

static std::optional<Value> gather(Emitter& e, int id) {
  constexpr int64_t kInt64 = 7;
  const Node n = e.node(id);
  std::string last = e.scalar(static_cast<float>(e.shape(n.inputs[0])[0] - 1));
  std::string index = e.add("Clip", {e.plain(n.inputs[1]), e.scalar(0), last});
  index = e.add("Cast", {index}, {{"to", kInt64}});
  return Value{e.add("Gather", {e.plain(n.inputs[0]), index}, {{"axis", int64_t{0}}}), identity(n.type.shape.rank)};
}

FOVEA_ONNX(gather, {&Iota::op, iota}, {&Gather::op, gather})

}  // namespace fovea::onnx
