#include "ops/layout.h"

#include <algorithm>

#include "base/error.h"
#include "ops/loops.h"

namespace fovea {

static Dims filled(int rank, int value) {
  Dims r;
  for (int i = 0; i < rank; i++) r.push(value);
  return r;
}

Tensor transpose(Tensor x, const Dims& perm) {
  Dims p = perm;
  bool identity = true;
  for (int i = 0; i < p.rank; i++) p[i] = p[i] < 0 ? p[i] + p.rank : p[i], identity &= p[i] == i;
  return identity ? x : record(Transpose{p}, {x});
}

Tensor slice(Tensor x, int axis, int start, int size, int step) {
  axis = axis < 0 ? axis + x.rank() : axis;
  Slice a{filled(x.rank(), 0), x.shape(), filled(x.rank(), 1)};
  a.start[axis] = start, a.size[axis] = size, a.step[axis] = step;
  return slice(x, a);
}
Tensor slice(Tensor x, const Slice& a) { return a.size == x.shape() ? x : record(a, {x}); }
Tensor pad_to(Tensor x, const PadTo& a) { return a.shape == x.shape() ? x : record(a, {x}); }
Tensor pad(Tensor x, const Dims& before, const Dims& after, float value) {
  PadTo a{x.shape(), before, filled(x.rank(), 1), value};
  for (int i = 0; i < x.rank(); i++) a.shape[i] += before[i] + after[i];
  return pad_to(x, a);
}
Tensor concat(std::span<const Tensor> parts, int axis) {
  if (parts.size() == 1) return parts[0];
  return record(Concat{axis < 0 ? axis + parts[0].rank() : axis}, parts);
}

static Type infer(const Transpose& a, Types in) {
  const Shape& s = in[0].shape;
  if (a.perm.rank != s.rank) fail(Code::usage, "permutation {} of {}", a.perm.str(), s.str());
  Shape r;
  Dims seen = filled(s.rank, 0);
  for (int p : a.perm) {
    if (p < 0 || p >= s.rank || seen[p]++) fail(Code::usage, "permutation {} of {}", a.perm.str(), s.str());
    r.push(s[p]);
  }
  return {r};
}

static Type infer(const Slice& a, Types in) {
  const Shape& s = in[0].shape;
  if (a.start.rank != s.rank || a.size.rank != s.rank || a.step.rank != s.rank)
    fail(Code::usage, "slice {} of {}", a.start.str(), s.str());
  for (int i = 0; i < s.rank; i++)
    if (a.start[i] < 0 || a.size[i] < 1 || a.step[i] < 1 || a.start[i] + int64_t{a.size[i] - 1} * a.step[i] >= s[i])
      fail(Code::usage, "slice of dimension {} leaves {}", i, s.str());
  return {a.size};
}

static Type infer(const PadTo& a, Types in) {
  const Shape& s = in[0].shape;
  if (a.shape.rank != s.rank) fail(Code::usage, "cannot pad {} to {}", s.str(), a.shape.str());
  for (int i = 0; i < s.rank; i++)
    if (a.start[i] < 0 || a.step[i] < 1 || a.start[i] + int64_t{s[i] - 1} * a.step[i] >= a.shape[i])
      fail(Code::usage, "cannot pad {} to {} from {}", s.str(), a.shape.str(), a.start.str());
  return {a.shape};
}

static Type infer(const Concat& a, Types in) {
  Shape r = in[0].shape;
  if (a.axis < 0 || a.axis >= r.rank) fail(Code::usage, "no axis {} in {}", a.axis, r.str());
  for (size_t k = 1; k < in.size(); k++) {
    Shape want = r;
    if (in[k].shape.rank == r.rank) want[a.axis] = in[k].shape[a.axis];
    if (!(want == in[k].shape)) fail(Code::usage, "{} does not join {} along axis {}", in[k].shape.str(), r.str(), a.axis);
    r[a.axis] += in[k].shape[a.axis];
  }
  return {r};
}

static void vjp(const Transpose& a, Vjp& g) {
  Dims inverse = a.perm;
  for (int i = 0; i < a.perm.rank; i++) inverse[a.perm[i]] = i;
  g.add(0, transpose(g.grad, inverse));
}
static void vjp(const Slice& a, Vjp& g) { g.add(0, pad_to(g.grad, {g.in[0].shape(), a.start, a.step})); }
static void vjp(const PadTo& a, Vjp& g) { g.add(0, slice(g.grad, Slice{a.start, g.in[0].shape(), a.step})); }
static void vjp(const Concat& a, Vjp& g) {
  int at = 0;
  for (size_t k = 0; k < g.in.size(); k++) {
    int size = g.in[k].dim(a.axis);
    g.add(static_cast<int>(k), slice(g.grad, a.axis, at, size));
    at += size;
  }
}

static void reference(const Transpose& a, Views in, View out) {
  for (int64_t i = 0, n = out.shape->numel(); i < n; i++) {
    Dims at = unravel(i, *out.shape), from = at;
    for (int d = 0; d < at.rank; d++) from[a.perm[d]] = at[d];
    out.data[i] = in[0].data[ravel(from, *in[0].shape)];
  }
}
static void reference(const Slice& a, Views in, View out) {
  for (int64_t i = 0, n = out.shape->numel(); i < n; i++) {
    Dims at = unravel(i, *out.shape);
    for (int d = 0; d < at.rank; d++) at[d] = a.start[d] + at[d] * a.step[d];
    out.data[i] = in[0].data[ravel(at, *in[0].shape)];
  }
}
static void reference(const PadTo& a, Views in, View out) {
  std::fill_n(out.data, out.shape->numel(), static_cast<double>(a.value));
  for (int64_t i = 0, n = in[0].shape->numel(); i < n; i++) {
    Dims at = unravel(i, *in[0].shape);
    for (int d = 0; d < at.rank; d++) at[d] = a.start[d] + at[d] * a.step[d];
    out.data[ravel(at, *out.shape)] = in[0].data[i];
  }
}
static void reference(const Concat& a, Views in, View out) {
  int shift = 0;
  for (const View& v : in) {
    for (int64_t i = 0, n = v.shape->numel(); i < n; i++) {
      Dims at = unravel(i, *v.shape);
      at[a.axis] += shift;
      out.data[ravel(at, *out.shape)] = v.data[i];
    }
    shift += (*v.shape)[a.axis];
  }
}

static Cases transpose_cases() {
  return {{"matrix",
           {{5, 7}},
           [](auto in) {
             return transpose(in[0], {1, 0});
           }},
          {"heads",
           {{2, 5, 3, 4}},
           [](auto in) {
             return transpose(in[0], {0, 2, 1, 3});
           }},
          {"reverse", {{2, 3, 4, 5}}, [](auto in) {
             return transpose(in[0], {3, 2, 1, 0});
           }}};
}
static Cases slice_cases() {
  return {{"channels", {{2, 3, 3, 9}}, [](auto in) { return slice(in[0], -1, 2, 5); }},
          {"strided", {{2, 7, 7, 3}}, [](auto in) {
             return slice(in[0], {{0, 0, 1, 0}, {2, 4, 3, 3}, {1, 2, 2, 1}});
           }}};
}
static Cases pad_cases() {
  return {{"border",
           {{2, 3, 4, 5}},
           [](auto in) {
             return pad(in[0], {0, 1, 2, 3}, {0, 2, 1, 0});
           }},
          {"value",
           {{3, 5}},
           [](auto in) {
             return pad(in[0], {1, 0}, {0, 1}, -2);
           }},
          {"spread", {{2, 3}}, [](auto in) {
             return pad_to(in[0], {{4, 7}, {1, 0}, {2, 3}});
           }}};
}
static Cases concat_cases() {
  return {{"channels", {{2, 3, 5}, {2, 3, 4}, {2, 3, 1}}, [](auto in) { return concat(in, -1); }},
          {"tokens", {{2, 1, 6}, {2, 4, 6}}, [](auto in) { return concat(in, 1); }}};
}

FOVEA_OP(Transpose, "transpose", transpose_cases)
FOVEA_OP(Slice, "slice", slice_cases)
FOVEA_OP(PadTo, "pad", pad_cases)
FOVEA_OP(Concat, "concat", concat_cases)
FOVEA_OPS(layout, &Transpose::op, &Slice::op, &PadTo::op, &Concat::op)

}  // namespace fovea
