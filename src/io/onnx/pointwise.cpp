#include "ops/pointwise.h"

#include <algorithm>

#include "io/onnx/emitter.h"

namespace fovea::onnx {

constexpr int64_t kFloat = 1, kBool = 9;  // TensorProto's types

// The result stands as the first of its full-sized operands that is not in our order, else as an operand of its rank.
static Dims order_of(Emitter& e, int id) {
  const Node n = e.node(id);
  const Shape& s = n.type.shape;
  auto full = [&](int in) { return e.shape(in) == s; };
  bool any_full = std::any_of(n.inputs.begin(), n.inputs.end(), full);
  for (int in : n.inputs) {
    if (e.constant(in) || e.shape(in).rank != s.rank || (any_full && !full(in))) continue;
    if (Dims order = e.value(in).order; !(order == identity(s.rank))) return order;
  }
  return identity(s.rank);
}

static std::string operand(Emitter& e, int id, const Dims& order) {
  if (auto v = e.filled(id)) return e.scalar(*v);
  bool bare = e.shape(id).rank == 0 || (order == identity(order.rank) && e.shape(id).rank < order.rank);
  return bare ? e.plain(id) : e.in_order(id, order);
}

static std::optional<Value> unary(Emitter& e, int id) {
  static const char* const names[] = {"Neg",  "Abs", "Sign",    "Exp",  "Log",   "Sqrt",  nullptr, "Reciprocal", nullptr,
                                      "Tanh", "Erf", "Sigmoid", "Relu", "Floor", "Round", "Sin",   "Cos"};
  const Node n = e.node(id);
  UnaryKind k = n.attr.as<Unary>().kind;
  Value x = e.value(n.inputs[0]);
  if (k == UnaryKind::rsqrt) return Value{e.add("Reciprocal", {e.add("Sqrt", {x.name})}), x.order};
  if (k == UnaryKind::square) return Value{e.add("Mul", {x.name, x.name}), x.order};
  return Value{e.add(names[static_cast<int>(k)], {x.name}), x.order};
}

static std::optional<Value> binary(Emitter& e, int id) {
  static const char* const names[] = {"Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Greater", "GreaterOrEqual", "Equal"};
  const Node n = e.node(id);
  BinaryKind k = n.attr.as<Binary>().kind;
  Dims order = order_of(e, id);
  std::string x = operand(e, n.inputs[0], order), y = operand(e, n.inputs[1], order);
  std::string r = e.add(names[static_cast<int>(k)], {x, y});
  bool logical = k == BinaryKind::gt || k == BinaryKind::ge || k == BinaryKind::eq;
  return Value{logical ? e.add("Cast", {r}, {{"to", kFloat}}) : r, order};
}

static std::optional<Value> select(Emitter& e, int id) {
  const Node n = e.node(id);
  Dims order = order_of(e, id);
  std::string condition = e.add("Cast", {operand(e, n.inputs[0], order)}, {{"to", kBool}});
  return Value{e.add("Where", {condition, operand(e, n.inputs[1], order), operand(e, n.inputs[2], order)}), order};
}

static std::optional<Value> full(Emitter& e, int id) {
  const Shape s = e.shape(id);
  float v = e.node(id).attr.as<Full>().value;
  if (s.rank == 0) return Value{e.scalar(v), {}};
  return Value{e.tensor("full", s, std::vector<float>(static_cast<size_t>(s.numel()), v)), identity(s.rank)};
}

static std::optional<Value> broadcast_to(Emitter& e, int id) {
  const Node n = e.node(id);
  const Shape& s = n.type.shape;
  return Value{e.add("Expand", {e.plain(n.inputs[0]), e.list(integers(s))}), identity(s.rank)};
}

// clamp(): min(max(x, lo), hi).
static std::optional<Value> clamp(Emitter& e, int id) {
  const Node n = e.node(id);
  const Node inner = e.node(n.inputs[0]);
  if (!is(n, BinaryKind::min) || !is(inner, BinaryKind::max) || !e.once(n.inputs[0])) return {};
  auto lo = e.filled(inner.inputs[1]), hi = e.filled(n.inputs[1]);
  if (!lo || !hi) return {};
  Value x = e.value(inner.inputs[0]);
  return Value{e.add("Clip", {x.name, e.scalar(*lo), e.scalar(*hi)}), x.order};
}

FOVEA_ONNX(pointwise, {&Unary::op, unary}, {&Binary::op, binary}, {&Binary::op, clamp, 2}, {&Select::op, select},
           {&Full::op, full}, {&BroadcastTo::op, broadcast_to})

}  // namespace fovea::onnx
