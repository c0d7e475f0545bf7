#include "ops/layout.h"

#include "io/onnx/emitter.h"
#include "ops/barrier.h"
#include "ops/reshape.h"

namespace fovea::onnx {

// Nothing moves: the same value, its dimensions under other numbers.
static std::optional<Value> transpose(Emitter& e, int id) {
  const Node n = e.node(id);
  const Dims& perm = n.attr.as<Transpose>().perm;
  Value x = e.value(n.inputs[0]);
  for (int& axis : x.order) axis = position(perm, axis);
  return x;
}

static std::optional<Value> reshape(Emitter& e, int id) {
  const Node n = e.node(id);
  return Value{e.reshaped(e.row_major(n.inputs[0]), n.type.shape), identity(n.type.shape.rank)};
}

static std::optional<Value> barrier(Emitter& e, int id) { return e.value(e.node(id).inputs[0]); }

static std::optional<Value> slice(Emitter& e, int id) {
  const Node n = e.node(id);
  const Slice& a = n.attr.as<Slice>();
  const Shape from = e.shape(n.inputs[0]);
  Value x = e.value(n.inputs[0]);
  std::vector<int64_t> starts, ends, axes, steps;
  for (int i = 0; i < from.rank; i++) {
    if (a.size[i] == from[i]) continue;
    starts.push_back(a.start[i]), ends.push_back(a.start[i] + int64_t{a.size[i] - 1} * a.step[i] + 1);
    axes.push_back(position(x.order, i)), steps.push_back(a.step[i]);
  }
  return Value{e.add("Slice", {x.name, e.list(starts), e.list(ends), e.list(axes), e.list(steps)}), x.order};
}

static std::optional<Value> pad(Emitter& e, int id) {
  const Node n = e.node(id);
  const PadTo& a = n.attr.as<PadTo>();
  const Shape from = e.shape(n.inputs[0]);
  Value x = e.value(n.inputs[0]);
  std::vector<int64_t> before, after;
  for (int axis : x.order) {
    if (a.step[axis] != 1) return {};
    before.push_back(a.start[axis]), after.push_back(a.shape[axis] - from[axis] - a.start[axis]);
  }
  before.insert(before.end(), after.begin(), after.end());
  return Value{e.add("Pad", {x.name, e.list(before), e.scalar(a.value)}), x.order};
}

static std::optional<Value> concat(Emitter& e, int id) {
  const Node n = e.node(id);
  Dims order = identity(n.type.shape.rank);
  for (int in : n.inputs)
    if (!e.constant(in) && order == identity(order.rank)) order = e.value(in).order;
  Inputs in;
  for (int i : n.inputs) in.push_back(e.in_order(i, order));
  return Value{e.add("Concat", in, {{"axis", int64_t{position(order, n.attr.as<Concat>().axis)}}}), order};
}

FOVEA_ONNX(layout, {&Transpose::op, transpose}, {&Reshape::op, reshape}, {&Barrier::op, barrier}, {&Slice::op, slice},
           {&PadTo::op, pad}, {&Concat::op, concat})

}  // namespace fovea::onnx
