#include "ops/reshape.h"

#include <algorithm>

#include "base/error.h"

namespace fovea {

Tensor reshape(Tensor x, Shape shape) {
  int64_t known = 1;
  int* open = nullptr;
  for (int& d : shape) {
    if (d == -1)
      open = &d;
    else
      known *= d;
  }
  if (open && known > 0) *open = static_cast<int>(x.shape().numel() / known);
  if (x.shape() == shape) return x;
  const Node& n = x.graph->node(x.id);
  if (n.op == &Reshape::op) return reshape(x.graph->at(n.inputs[0]), shape);
  return record(Reshape{shape}, {x});
}

static Type infer(const Reshape& a, Types in) {
  if (a.shape.numel() != in[0].shape.numel())
    fail(Code::usage, "{} elements do not fit {}", in[0].shape.numel(), a.shape.str());
  return {a.shape, in[0].dtype};
}
static void vjp(const Reshape&, Vjp& g) { g.add(0, reshape(g.grad, g.in[0].shape())); }
static void reference(const Reshape&, Views in, View out) { std::copy_n(in[0].data, out.shape->numel(), out.data); }
static Cases cases() {
  return {{"merge", {{2, 3, 5}}, [](auto in) { return reshape(in[0], {6, -1}); }}};
}

FOVEA_OP(Reshape, "reshape", cases)
FOVEA_OPS(reshape, &Reshape::op)

}  // namespace fovea
