#include "ops/pool.h"

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace fovea {

Tensor max_pool(Tensor x, Pair size, Pair stride, Pad pad) { return record(MaxPool{{size, stride, pad}}, {x}); }
Tensor avg_pool(Tensor x, Pair size, Pair stride, Pad pad, bool count_pad) {
  return record(AvgPool{{size, stride, pad}, count_pad}, {x});
}

static Shape pooled(const Window& a, const Shape& x) {
  if (x.rank != 4) fail(Code::usage, "pooling takes [n,h,w,c]");
  int h = x[1] + a.pad.top + a.pad.bottom - a.size.h, w = x[2] + a.pad.left + a.pad.right - a.size.w;
  if (a.size.h < 1 || a.size.w < 1 || a.stride.h < 1 || a.stride.w < 1 || h < 0 || w < 0)
    fail(Code::usage, "the window does not fit {}", x.str());
  // PyTorch's rule before, a window's reach behind (TensorFlow's "same" padding): no window may hold padding alone.
  if (a.pad.top * 2 > a.size.h || a.pad.left * 2 > a.size.w || a.pad.bottom >= a.size.h || a.pad.right >= a.size.w)
    fail(Code::usage, "the padding {} leaves a window of {}x{} without pixels", print_field(a.pad), a.size.h, a.size.w);
  return {x[0], h / a.stride.h + 1, w / a.stride.w + 1, x[3]};
}

static Type infer(const MaxPool& a, Types in) { return {pooled(a.window, in[0].shape)}; }
static Type infer(const MaxPoolGrad& a, Types in) {
  if (!(pooled(a.window, in[0].shape) == in[1].shape))
    fail(Code::usage, "the gradient {} is not that of an output", in[1].shape.str());
  return in[0];
}
static Type infer(const MaxPoolPick& a, Types in) { return {pooled(a.window, in[0].shape)}; }
static Type infer(const AvgPool& a, Types in) { return {pooled(a.window, in[0].shape)}; }
static Type infer(const AvgPoolGrad& a, Types) { return {a.x}; }

static std::string describe(const MaxPool& a, Types) { return "max_pool " + window_text(a.window.size, a.window.stride); }
static std::string describe(const AvgPool& a, Types) { return "avg_pool " + window_text(a.window.size, a.window.stride); }

static void vjp(const MaxPool& a, Vjp& g) { g.add(0, record(MaxPoolGrad{a.window}, {g.in[0], g.grad})); }
static void vjp(const MaxPoolGrad& a, Vjp& g) {
  if (g.wants(1)) g.add(1, record(MaxPoolPick{a.window}, {g.in[0], g.grad}));
}
static void vjp(const MaxPoolPick& a, Vjp& g) {
  if (g.wants(1)) g.add(1, record(MaxPoolGrad{a.window}, {g.in[0], g.grad}));
}
static void vjp(const AvgPool& a, Vjp& g) { g.add(0, record(AvgPoolGrad{a, g.in[0].shape()}, {g.grad})); }
static void vjp(const AvgPoolGrad& a, Vjp& g) { g.add(0, record(a.pool, {g.grad})); }

// visit(y index, indices of the window's elements of x) for every output; x and y have the same channels.
template <class F>
static void windows(const Window& a, const Shape& x, const Shape& y, F visit) {
  std::vector<int64_t> at;
  for (int n = 0; n < y[0]; n++)
    for (int i = 0; i < y[1]; i++)
      for (int j = 0; j < y[2]; j++)
        for (int c = 0; c < y[3]; c++) {
          at.clear();
          for (int u = 0; u < a.size.h; u++)
            for (int v = 0; v < a.size.w; v++) {
              int r = i * a.stride.h - a.pad.top + u, s = j * a.stride.w - a.pad.left + v;
              if (r >= 0 && r < x[1] && s >= 0 && s < x[2]) at.push_back(((int64_t{n} * x[1] + r) * x[2] + s) * x[3] + c);
            }
          visit(((int64_t{n} * y[1] + i) * y[2] + j) * y[3] + c, at);
        }
}

static int64_t first_max(const double* x, const std::vector<int64_t>& at) {
  return *std::max_element(at.begin(), at.end(), [&](int64_t a, int64_t b) { return x[a] < x[b]; });
}

// PyTorch's divisor: the window clipped to the padded image, or to the image.
static double divisor(const AvgPool& a, const Shape& x, const Shape& y, int64_t out, size_t inside) {
  if (!a.count_pad) return static_cast<double>(inside);
  int64_t pixel = out / y[3];
  int i = static_cast<int>(pixel / y[2] % y[1]), j = static_cast<int>(pixel % y[2]);
  const Window& w = a.window;
  int rows = std::min(i * w.stride.h - w.pad.top + w.size.h, x[1] + w.pad.top) - (i * w.stride.h - w.pad.top);
  int cols = std::min(j * w.stride.w - w.pad.left + w.size.w, x[2] + w.pad.left) - (j * w.stride.w - w.pad.left);
  return static_cast<double>(rows) * cols;
}

static void reference(const MaxPool& a, Views in, View out) {
  windows(a.window, *in[0].shape, *out.shape,
          [&](int64_t y, auto& at) { out.data[y] = in[0].data[first_max(in[0].data, at)]; });
}
static void reference(const MaxPoolGrad& a, Views in, View out) {
  std::fill_n(out.data, out.shape->numel(), 0.0);
  windows(a.window, *in[0].shape, *in[1].shape,
          [&](int64_t y, auto& at) { out.data[first_max(in[0].data, at)] += in[1].data[y]; });
}
static void reference(const MaxPoolPick& a, Views in, View out) {
  windows(a.window, *in[0].shape, *out.shape,
          [&](int64_t y, auto& at) { out.data[y] = in[1].data[first_max(in[0].data, at)]; });
}
static void reference(const AvgPool& a, Views in, View out) {
  windows(a.window, *in[0].shape, *out.shape, [&](int64_t y, auto& at) {
    double sum = 0;
    for (int64_t x : at) sum += in[0].data[x];
    out.data[y] = sum / divisor(a, *in[0].shape, *out.shape, y, at.size());
  });
}
static void reference(const AvgPoolGrad& a, Views in, View out) {
  std::fill_n(out.data, out.shape->numel(), 0.0);
  windows(a.pool.window, a.x, *in[0].shape, [&](int64_t y, auto& at) {
    for (int64_t x : at) out.data[x] += in[0].data[y] / divisor(a.pool, a.x, *in[0].shape, y, at.size());
  });
}

static Cases max_cases() {
  return {{"2x2", {{2, 6, 6, 5}}, [](auto in) { return max_pool(in[0], 2, 2); }},
          {"3x3_stride2", {{1, 7, 8, 17}}, [](auto in) { return max_pool(in[0], 3, 2, 1); }}};
}
static Cases grad_cases() {
  return {{"3x3_stride2", {{1, 7, 8, 17}, {1, 4, 4, 17}}, [](auto in) {
             return record(MaxPoolGrad{{3, 2, 1}}, {in[0], in[1]});
           }}};
}
static Cases pick_cases() {
  return {{"3x3_stride2", {{1, 7, 8, 17}, {1, 7, 8, 17}}, [](auto in) {
             return record(MaxPoolPick{{3, 2, 1}}, {in[0], in[1]});
           }}};
}
static Cases avg_cases() {
  return {{"2x2", {{2, 6, 6, 5}}, [](auto in) { return avg_pool(in[0], 2, 2); }},
          {"3x3_pad", {{1, 7, 8, 17}}, [](auto in) { return avg_pool(in[0], 3, 2, 1); }},
          {"3x3_inside", {{1, 7, 8, 17}}, [](auto in) { return avg_pool(in[0], 3, 1, 1, false); }},
          {"2x2_one_sided", {{1, 5, 5, 4}}, [](auto in) { return avg_pool(in[0], 2, 2, Pad(0, 0, 1, 1), false); }}};
}
static Cases avg_grad_cases() {
  return {{"3x3_pad", {{1, 4, 4, 5}}, [](auto in) {
             return record(AvgPoolGrad{{{3, 2, 1}, true}, {1, 7, 8, 5}}, {in[0]});
           }}};
}

FOVEA_OP(MaxPool, "max_pool", max_cases)
FOVEA_OP(MaxPoolGrad, "max_pool_grad", grad_cases)
FOVEA_OP(MaxPoolPick, "max_pool_pick", pick_cases)
FOVEA_OP(AvgPool, "avg_pool", avg_cases)
FOVEA_OP(AvgPoolGrad, "avg_pool_grad", avg_grad_cases)
FOVEA_OPS(pool, &MaxPool::op, &MaxPoolGrad::op, &MaxPoolPick::op, &AvgPool::op, &AvgPoolGrad::op)

}  // namespace fovea
