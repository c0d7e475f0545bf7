// Moving elements: strided copies.
#include "ops/layout.h"
#include "kernels/copy.h"
#include "plan/rows/rows.h"

namespace fovea {
namespace {

using Longs = std::vector<int64_t>;
Longs longs(const Dims& d) { return {d.begin(), d.end()}; }
Longs strides(const Shape& s) {
  auto all = strides_of(s);
  return {all.begin(), all.begin() + s.rank};
}
int64_t dot(const Dims& at, const Longs& stride) {
  int64_t r = 0;
  for (int i = 0; i < at.rank; i++) r += at[i] * stride[static_cast<size_t>(i)];
  return r;
}
Longs times(const Dims& step, Longs stride) {
  for (int i = 0; i < step.rank; i++) stride[static_cast<size_t>(i)] *= step[i];
  return stride;
}

Bound copy(std::shared_ptr<kernels::StridedCopy> k, int64_t dst, int64_t src) {
  Bound b;
  b.run = [k, dst, src](const Call& c) { k->run(c.out[0] + dst, c.in[0] + src, *c.pool); };
  return b;
}

Bound bind_transpose(const Query& q) {
  Longs from = strides(q.in(0)), src;
  for (int p : q.node.attr.as<Transpose>().perm) src.push_back(from[static_cast<size_t>(p)]);
  return copy(std::make_shared<kernels::StridedCopy>(longs(q.out()), strides(q.out()), src), 0, 0);
}
Bound bind_slice(const Query& q) {
  const Slice& a = q.node.attr.as<Slice>();
  Longs from = strides(q.in(0));
  return copy(std::make_shared<kernels::StridedCopy>(longs(q.out()), strides(q.out()), times(a.step, from)), 0,
              dot(a.start, from));
}
Bound bind_pad(const Query& q) {
  const PadTo& a = q.node.attr.as<PadTo>();
  Longs to = strides(q.out());
  Bound b =
      copy(std::make_shared<kernels::StridedCopy>(longs(q.in(0)), times(a.step, to), strides(q.in(0))), dot(a.start, to), 0);
  b.run = [inner = b.run, value = a.value, n = q.out().numel()](const Call& c) {
    kernels::fill(c.out[0], value, n, *c.pool);
    inner(c);
  };
  return b;
}
Bound bind_concat(const Query& q) {
  int axis = q.node.attr.as<Concat>().axis;
  Longs to = strides(q.out());
  std::vector<std::pair<std::shared_ptr<kernels::StridedCopy>, int64_t>> parts;
  int64_t at = 0;
  for (int i = 0; i < static_cast<int>(q.node.inputs.size()); i++) {
    parts.emplace_back(std::make_shared<kernels::StridedCopy>(longs(q.in(i)), to, strides(q.in(i))), at);
    at += q.in(i)[axis] * to[static_cast<size_t>(axis)];
  }
  Bound b;
  b.run = [parts](const Call& c) {
    for (size_t i = 0; i < parts.size(); i++) parts[i].first->run(c.out[0] + parts[i].second, c.in[i], *c.pool);
  };
  return b;
}

const Row rows[] = {
    {&Transpose::op, "transpose", takes_all, bind_transpose},
    {&Slice::op, "slice", takes_all, bind_slice},
    {&PadTo::op, "pad", takes_all, bind_pad},
    {&Concat::op, "concat", takes_all, bind_concat},
};

}  // namespace

std::span<const Row> layout_rows() { return rows; }

}  // namespace fovea
