#include "plan/cost.h"

#include "ops/attention.h"
#include "ops/conv2d.h"
#include "ops/matmul.h"

namespace fovea {

int64_t node_macs(const Graph& g, int id) {
  const Node& n = g.node(id);
  auto in = [&](int i) -> const Shape& { return g.node(n.inputs[static_cast<size_t>(i)]).type.shape; };
  auto window = [](const Shape& w) { return w.numel() / w[0]; };  // kh * kw * c / groups
  if (n.op == &Conv2d::op) return n.type.shape.numel() * window(in(1));
  if (n.op == &Conv2dInputGrad::op) return in(1).numel() * window(in(0));
  if (n.op == &Conv2dWeightGrad::op) return in(1).numel() * window(n.type.shape);
  if (n.op == &Matmul::op) return n.type.shape.numel() * (n.attr.as<Matmul>().ta ? in(0)[-2] : in(0)[-1]);
  if (n.op == &Attention::op) return 2 * in(0).numel() * in(1)[1];
  return 0;
}

}  // namespace fovea
