#include "ops/matmul.h"

#include "io/onnx/emitter.h"
#include "ops/reshape.h"

namespace fovea::onnx {

static Dims last_swapped(int rank, bool swap) {
  Dims r = identity(rank);
  if (swap) std::swap(r[-1], r[-2]);
  return r;
}

static std::optional<Value> matmul(Emitter& e, int id) {
  const Node n = e.node(id);
  const Matmul& a = n.attr.as<Matmul>();
  int rank = n.type.shape.rank;
  std::string x = e.in_order(n.inputs[0], last_swapped(rank, a.ta)), y = e.in_order(n.inputs[1], last_swapped(rank, a.tb));
  return Value{e.add("MatMul", {x, y}), identity(rank)};
}

// Two dimensions and a bias: what linear() of a vector for each picture is.
static std::optional<Value> gemm(Emitter& e, int id) {
  const Node n = e.node(id), product = e.node(n.inputs[0]);
  if (!is(n, BinaryKind::add) || product.op != &Matmul::op || !e.once(n.inputs[0])) return {};
  if (n.type.shape.rank != 2 || !e.constant(n.inputs[1]) || !(e.shape(n.inputs[1]) == Shape{n.type.shape[1]})) return {};
  const Matmul& a = product.attr.as<Matmul>();
  Inputs in{e.plain(product.inputs[0]), e.plain(product.inputs[1]), e.plain(n.inputs[1])};
  return Value{e.add("Gemm", in, {{"transA", int64_t{a.ta}}, {"transB", int64_t{a.tb}}}), identity(2)};
}

// linear() of tokens or pixels flattens, multiplies, and shapes back; MatMul takes them as they are.
static std::optional<Value> linear(Emitter& e, int id) {
  const Node n = e.node(id), product = e.node(n.inputs[0]);
  if (product.op != &Matmul::op || !e.once(n.inputs[0]) || product.type.shape.rank != 2) return {};
  const Matmul& a = product.attr.as<Matmul>();
  if (a.ta || n.type.shape.rank < 3 || n.type.shape[-1] != product.type.shape[1]) return {};
  int x = product.inputs[0];
  if (e.node(x).op == &Reshape::op) x = e.node(x).inputs[0];
  Shape rows = n.type.shape;
  rows[-1] = e.shape(product.inputs[0])[1];
  std::string in = e.shape(x) == rows ? e.plain(x) : e.reshaped(e.row_major(x), rows);
  return Value{e.add("MatMul", {in, e.in_order(product.inputs[1], last_swapped(2, a.tb))}), identity(rows.rank)};
}

FOVEA_ONNX(matmul, {&Matmul::op, matmul}, {&Binary::op, gemm, 2}, {&Reshape::op, linear, 2})

}  // namespace fovea::onnx
