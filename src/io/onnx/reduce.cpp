#include "ops/reduce.h"

#include "io/onnx/emitter.h"

namespace fovea::onnx {

static std::vector<int64_t> axes_of(const Node& n, const Dims& order) {
  std::vector<int64_t> r;
  for (int axis : n.attr.as<Reduce>().axes) r.push_back(position(order, axis));
  return r;
}

static std::optional<Value> reduce(Emitter& e, int id) {
  const Node n = e.node(id);
  Value x = e.value(n.inputs[0]);
  std::vector<int64_t> axes = axes_of(n, x.order);
  if (is(n, ReduceKind::max)) return Value{e.add("ReduceMax", {x.name}, {{"axes", axes}}), x.order};
  return Value{e.add("ReduceSum", {x.name, e.list(axes)}), x.order};
}

// reduce_mean(): the sum times one over the count.
static std::optional<Value> mean(Emitter& e, int id) {
  const Node n = e.node(id), sum = e.node(n.inputs[0]);
  if (!is(n, BinaryKind::mul) || !is(sum, ReduceKind::sum) || !e.once(n.inputs[0])) return {};
  int64_t count = e.shape(sum.inputs[0]).numel() / sum.type.shape.numel();
  if (e.filled(n.inputs[1]) != 1.0f / static_cast<float>(count)) return {};
  Value x = e.value(sum.inputs[0]);
  if (x.order == kChannelsFirst && sum.attr.as<Reduce>().axes == Dims{1, 2})
    return Value{e.add("GlobalAveragePool", {x.name}), x.order};
  return Value{e.add("ReduceMean", {x.name}, {{"axes", axes_of(sum, x.order)}}), x.order};
}

// sqrt(sum of squares).
static std::optional<Value> l2_norm(Emitter& e, int id) {
  const Node n = e.node(id), sum = e.node(n.inputs[0]);
  if (!is(n, UnaryKind::sqrt) || !is(sum, ReduceKind::sum) || !e.once(n.inputs[0])) return {};
  const Node square = e.node(sum.inputs[0]);
  if (!is(square, UnaryKind::square) || !e.once(sum.inputs[0])) return {};
  Value x = e.value(square.inputs[0]);
  return Value{e.add("ReduceL2", {x.name}, {{"axes", axes_of(sum, x.order)}}), x.order};
}

FOVEA_ONNX(reduce, {&Reduce::op, reduce}, {&Binary::op, mean, 2}, {&Unary::op, l2_norm, 3})

}  // namespace fovea::onnx
