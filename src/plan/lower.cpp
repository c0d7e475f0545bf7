#include "plan/lower.h"

#include "base/error.h"
#include "ir/rewrite.h"
#include "ops/barrier.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"
#include "plan/fuse.h"

namespace fovea {

bool is_pointwise(const Node& n) {
  return n.op == &Unary::op || n.op == &Binary::op || n.op == &Select::op || n.op == &Full::op || n.op == &BroadcastTo::op;
}

// Only whole steps of the outermost non-trivial dimension: one contiguous run.
static bool contiguous(const Slice& s, const Shape& from) {
  bool whole = true;  // all dimensions after this one are taken whole
  for (int i = from.rank - 1; i >= 0; i--) {
    if (s.step[i] != 1 && s.size[i] != 1) return false;
    if (!whole && s.size[i] != 1) return false;
    if (s.size[i] != from[i]) whole = false;
  }
  return true;
}

Alias resolve(const Graph& g, int id) {
  int64_t offset = 0;
  for (;;) {
    const Node& n = g.node(id);
    if (n.op == &Slice::op) {
      const Slice& s = n.attr.as<Slice>();
      const Shape& from = g.node(n.inputs[0]).type.shape;
      if (!contiguous(s, from)) return {id, offset};
      auto stride = strides_of(from);
      for (int i = 0; i < from.rank; i++) offset += s.start[i] * stride[static_cast<size_t>(i)];
    } else if (n.op != &Reshape::op && n.op != &Barrier::op) {
      return {id, offset};
    }
    id = n.inputs[0];
  }
}

namespace {

const Full* as_full(Tensor t) {
  const Node& n = t.graph->node(t.id);
  return n.op == &Full::op ? &n.attr.as<Full>() : nullptr;
}

Tensor simplify_binary(const Node& n, Tensor x, Tensor y) {
  const Full *a = as_full(x), *b = as_full(y);
  BinaryKind k = n.attr.as<Binary>().kind;
  if (a && b)
    return full(*x.graph, n.type.shape,
                static_cast<float>(apply(k, static_cast<double>(a->value), static_cast<double>(b->value))));
  bool neutral_b = b && ((k == BinaryKind::mul && b->value == 1) || (k == BinaryKind::div && b->value == 1));
  bool neutral_a = a && k == BinaryKind::mul && a->value == 1;
  if (neutral_b && x.shape() == n.type.shape) return x;
  if (neutral_a && y.shape() == n.type.shape) return y;
  return {};
}

Tensor simplify(const Node& n, std::span<const Tensor> in) {
  if (n.op == &Binary::op) return simplify_binary(n, in[0], in[1]);
  if (in.size() != 1) return {};
  const Full* f = as_full(in[0]);
  if (!f) return {};
  if (n.op == &Reshape::op || n.op == &BroadcastTo::op) return full(*in[0].graph, n.type.shape, f->value);
  if (n.op == &Unary::op)
    return full(*in[0].graph, n.type.shape,
                static_cast<float>(apply(n.attr.as<Unary>().kind, static_cast<double>(f->value))));
  return {};
}

// [a,1,b,1] -> shape, one axis after the other: each is a program of few dimensions.
Tensor broadcast_by_axis(Tensor x, const Shape& shape) {
  Shape now = shape;
  for (int d = 0; d < shape.rank; d++) {
    int own = d - (shape.rank - x.rank());
    now[d] = own < 0 ? 1 : x.dim(own);
  }
  x = reshape(x, now);
  for (int d = 0; d < shape.rank; d++)
    if (now[d] != shape[d]) now[d] = shape[d], x = broadcast_to(x, now);
  return x;
}

// Inputs that are broadcast in more ways than a program has dimensions are made as large as the result first; axes that are
// reduced between axes that stay, one after the other.
Tensor make_room(Rewriter& r, const Node& n, std::span<const Tensor> in) {
  std::vector<int> ids;
  for (Tensor t : in) ids.push_back(t.id);
  if (n.op == &Reduce::op) {
    const Reduce& a = n.attr.as<Reduce>();
    if (a.axes.rank < 2 || !too_many_dimensions(r.to, a, in[0].id)) return {};
    Tensor x = in[0];
    for (int axis : a.axes) x = record(Reduce{a.kind, {axis}}, {x});
    return x;
  }
  if (!is_pointwise(n) || n.type.shape.rank < 5 || !too_many_dimensions(r.to, n, ids)) return {};
  std::vector<Tensor> large;
  for (Tensor t : in) large.push_back(broadcast_by_axis(t, n.type.shape));
  return n.op == &BroadcastTo::op ? large[0] : record(n.op, n.attr, large);
}

bool needs_opening(const Graph& g, int id, const PlanOptions& o) {
  const Node& n = g.node(id);
  if (!n.op->composite()) return false;
  return o.reference || !find_row({g, id, n, o.isa, o.threads});
}

}  // namespace

std::unique_ptr<Graph> lower(const Graph& g, const PlanOptions& options) {
  std::unique_ptr<Graph> now =
      rewrite(g, [](Rewriter&, int, const Node& n, std::span<const Tensor> in) { return simplify(n, in); });
  for (bool again = true; again;) {  // a body may hold composites itself
    again = false;
    now = rewrite(*now, [&](Rewriter& r, int id, const Node& n, std::span<const Tensor> in) -> Tensor {
      if (Tensor t = simplify(n, in)) return t;
      if (Tensor t = make_room(r, n, in)) return t;
      if (!needs_opening(r.from, id, options)) return {};
      again = true;
      return body_of(n, in);
    });
  }
  return now;
}

}  // namespace fovea
