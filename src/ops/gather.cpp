#include "ops/gather.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "ops/layout.h"
#include "ops/loops.h"
#include "ops/pointwise.h"

namespace fovea {

Tensor iota(Graph& g, const Shape& shape, int axis) {
  return g.add(&Iota::op, Attr(Iota{shape, axis < 0 ? axis + shape.rank : axis}), {});
}
Tensor numbers(Graph& g, std::span<const float> values) {
  std::vector<Tensor> parts;
  parts.reserve(values.size());
  for (float v : values) parts.push_back(full(g, {1}, v));
  return concat(parts, 0);
}
Tensor gather(Tensor table, Tensor index) { return record(Gather{}, {table, index}); }

static Type infer(const Iota& a, Types) {
  if (a.axis < 0 || a.axis >= a.shape.rank) fail(Code::usage, "no axis {} in {}", a.axis, a.shape.str());
  return {a.shape};
}
static Type infer(const Gather&, Types in) {
  const Shape &table = in[0].shape, &index = in[1].shape;
  if (table.rank < 1 || index.rank + table.rank - 1 > kMaxRank)
    fail(Code::usage, "cannot gather {} rows of {}", index.str(), table.str());
  Shape r = index;
  for (int i = 1; i < table.rank; i++) r.push(table[i]);
  return {r};
}
static Type infer(const GatherGrad& a, Types in) {
  if (infer(Gather{}, std::array{Type{a.table}, in[0]}).shape != in[1].shape)
    fail(Code::usage, "{} is not gathered from {} by {}", in[1].shape.str(), a.table.str(), in[0].shape.str());
  return {a.table};
}

static void vjp(const Iota&, Vjp&) {}
static void vjp(const Gather&, Vjp& g) { g.add(0, record(GatherGrad{g.in[0].shape()}, {g.in[1], g.grad})); }
static void vjp(const GatherGrad&, Vjp& g) { g.add(1, gather(g.grad, g.in[0])); }

static void reference(const Iota& a, Views, View out) {
  for (int64_t i = 0, n = out.shape->numel(); i < n; i++) out.data[i] = unravel(i, *out.shape)[a.axis];
}

// Calls f(flat index in the table, flat index in what was gathered).
template <class F>
static void each(const Shape& table, View index, F f) {
  int64_t rows = table[0], width = table.numel() / rows;
  for (int64_t i = 0, n = index.shape->numel(); i < n; i++) {
    int64_t row = std::clamp<int64_t>(std::llround(index.data[i]), 0, rows - 1);
    for (int64_t k = 0; k < width; k++) f(row * width + k, i * width + k);
  }
}
static void reference(const Gather&, Views in, View out) {
  each(*in[0].shape, in[1], [&](int64_t from, int64_t to) { out.data[to] = in[0].data[from]; });
}
static void reference(const GatherGrad& a, Views in, View out) {
  std::fill_n(out.data, out.shape->numel(), 0.0);
  each(a.table, in[0], [&](int64_t to, int64_t from) { out.data[to] += in[1].data[from]; });
}

static Tensor distances(Graph& g) {  // between 4 places, from 0: [4,4]
  return abs(iota(g, {4, 4}, 0) - iota(g, {4, 4}, 1));
}
static Cases iota_cases() {
  return {{"times", {{2, 3, 4}}, [](auto in) {
             return in[0] * iota(*in[0].graph, {3, 4}, 0) + iota(*in[0].graph, {4}, -1);
           }}};
}
static Cases gather_cases() {
  return {{"biases", {{4, 3}}, [](auto in) { return gather(in[0], distances(*in[0].graph)); }},
          {"beyond", {{2, 2, 2}}, [](auto in) { return gather(in[0], iota(*in[0].graph, {4}, 0) - 1.0f); }},
          {"numbers", {{5}}, [](auto in) { return gather(in[0], distances(*in[0].graph)); }}};
}
static Cases grad_cases() {
  return {{"sums", {{4, 4, 3}}, [](auto in) { return record(GatherGrad{{6, 3}}, {distances(*in[0].graph), in[0]}); }}};
}

FOVEA_OP(Iota, "iota", iota_cases)
FOVEA_OP(Gather, "gather", gather_cases)
FOVEA_OP(GatherGrad, "gather_grad", grad_cases)
FOVEA_OPS(gather, &Iota::op, &Gather::op, &GatherGrad::op)

}  // namespace fovea
