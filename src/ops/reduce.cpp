#include "ops/reduce.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "ops/loops.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

const char* enum_name(ReduceKind k) { return k == ReduceKind::sum ? "sum" : "max"; }

static Dims normalised(Tensor x, const Dims& axes) {
  Dims r = axes;
  for (int& a : r) a = a < 0 ? a + x.rank() : a;
  std::sort(r.begin(), r.end());
  return r;
}

Tensor reduce_sum(Tensor x, const Dims& axes) {
  return axes.rank == 0 ? x : record(Reduce{ReduceKind::sum, normalised(x, axes)}, {x});
}
Tensor reduce_max(Tensor x, const Dims& axes) {
  return axes.rank == 0 ? x : record(Reduce{ReduceKind::max, normalised(x, axes)}, {x});
}
Tensor reduce_mean(Tensor x, const Dims& axes) {
  int64_t count = 1;
  for (int a : axes) count *= x.dim(a);
  return reduce_sum(x, axes) * (1.0f / static_cast<float>(count));
}
Tensor sum_all(Tensor x) {
  Dims axes;
  for (int i = 0; i < x.rank(); i++) axes.push(i);
  return reshape(reduce_sum(x, axes), {});
}
Tensor global_avg_pool(Tensor x) { return reshape(reduce_mean(x, {1, 2}), {x.n(), x.c()}); }

static std::string describe(const Reduce& a, Types) { return enum_name(a.kind); }

static Type infer(const Reduce& a, Types in) {
  Shape s = in[0].shape;
  for (int axis : a.axes) {
    if (axis < 0 || axis >= s.rank) fail(Code::usage, "axis {} of {}", axis, s.str());
    s[axis] = 1;
  }
  return {s};
}

static void vjp(const Reduce& a, Vjp& g) {
  Tensor x = g.in[0];
  if (a.kind == ReduceKind::sum) return g.add(0, broadcast_to(g.grad, x.shape()));
  Tensor hit = equal(x, g.out);  // ties share
  g.add(0, hit * (g.grad / reduce_sum(hit, a.axes)));
}

static void reference(const Reduce& a, Views in, View out) {
  double start = a.kind == ReduceKind::sum ? 0 : -std::numeric_limits<double>::infinity();
  std::fill_n(out.data, out.shape->numel(), start);
  Broadcast to(*out.shape, *in[0].shape);
  for (int64_t i = 0, n = in[0].shape->numel(); i < n; i++) {
    double &r = out.data[to(i)], v = in[0].data[i];
    r = a.kind == ReduceKind::sum ? r + v : apply(BinaryKind::max, r, v);
  }
}

static Cases cases() {
  Cases r;
  for (Dims axes : {Dims{0}, Dims{3}, Dims{1, 2}, Dims{0, 1, 2}, Dims{0, 1, 2, 3}, Dims{0, 3}}) {
    r.push_back({"sum" + axes.str(), {{2, 3, 5, 17}}, [axes](auto in) { return reduce_sum(square(in[0]), axes); }});
    r.push_back({"max" + axes.str(), {{2, 3, 5, 17}}, [axes](auto in) { return reduce_max(in[0], axes); }});
  }
  r.push_back({"mean", {{4, 33}}, [](auto in) { return reduce_mean(in[0], {-1}); }});
  r.push_back({"global_avg_pool", {{2, 7, 7, 20}}, [](auto in) { return global_avg_pool(in[0]); }});
  return r;
}

FOVEA_OP(Reduce, "reduce", cases)
FOVEA_OPS(reduce, &Reduce::op)

}  // namespace fovea
