#include "ops/conv2d.h"

#include <algorithm>

#include "base/error.h"

namespace fovea {

Tensor conv2d(Tensor x, Tensor w, Conv2d a) { return record(a, {x, w}); }
Tensor conv2d_input_grad(Tensor w, Tensor dy, const Conv2d& a, const Shape& x) {
  return record(Conv2dInputGrad{a, x}, {w, dy});
}
Tensor conv2d_weight_grad(Tensor x, Tensor dy, const Conv2d& a, const Shape& w) {
  return record(Conv2dWeightGrad{a, w}, {x, dy});
}

static int extent(int size, int kernel, int before, int after, int stride, int dilation) {
  if (stride < 1 || dilation < 1 || before < 0 || after < 0)
    fail(Code::usage, "stride and dilation must be at least 1, padding at least 0");
  int64_t room = int64_t{size} + before + after - int64_t{kernel - 1} * dilation - 1;
  if (room < 0)
    fail(Code::usage, "the kernel does not fit: {} pixels and {}+{} padding, kernel {} dilation {}", size, before, after,
         kernel, dilation);
  return static_cast<int>(room / stride + 1);
}

Shape conv2d_shape(const Shape& x, const Shape& w, const Conv2d& a) {
  if (x.rank != 4 || w.rank != 4) fail(Code::usage, "conv2d takes [n,h,w,c] and [o,kh,kw,c]");
  if (a.groups < 1 || x[3] != w[3] * a.groups || w[0] % a.groups)
    fail(Code::usage, "{} channels, weights {} and {} groups do not fit", x[3], w.str(), a.groups);
  return {x[0], extent(x[1], w[1], a.pad.top, a.pad.bottom, a.stride.h, a.dilation.h),
          extent(x[2], w[2], a.pad.left, a.pad.right, a.stride.w, a.dilation.w), w[0]};
}

static Type infer(const Conv2d& a, Types in) { return {conv2d_shape(in[0].shape, in[1].shape, a)}; }
static Type infer(const Conv2dInputGrad& a, Types in) {
  if (!(conv2d_shape(a.x, in[0].shape, a.conv) == in[1].shape))
    fail(Code::usage, "the gradient {} is not that of an output", in[1].shape.str());
  return {a.x};
}
static Type infer(const Conv2dWeightGrad& a, Types in) {
  if (!(conv2d_shape(in[0].shape, a.w, a.conv) == in[1].shape))
    fail(Code::usage, "the gradient {} is not that of an output", in[1].shape.str());
  return {a.w};
}

static int64_t window(const Shape& w) { return w.numel() / w[0]; }  // kh * kw * c / groups
static int64_t macs(const Conv2d&, Types in, const Shape& y) { return y.numel() * window(in[1].shape); }
static int64_t macs(const Conv2dInputGrad&, Types in, const Shape&) { return in[1].shape.numel() * window(in[0].shape); }
static int64_t macs(const Conv2dWeightGrad&, Types in, const Shape& w) { return in[1].shape.numel() * window(w); }

static std::string describe(const Conv2d& a, Types in) {
  const Shape& w = in[1].shape;
  std::string kind = a.groups == 1 ? "conv" : w[3] == 1 ? "depthwise" : fmt::format("conv {} groups", a.groups);
  std::string spread = a.dilation == Pair(1) ? "" : fmt::format(" dilated {}x{}", a.dilation.h, a.dilation.w);
  return fmt::format("{} {}{}", kind, window_text({w[1], w[2]}, a.stride), spread);
}

static void vjp(const Conv2d& a, Vjp& g) {
  if (g.wants(0)) g.add(0, conv2d_input_grad(g.in[1], g.grad, a, g.in[0].shape()));
  if (g.wants(1)) g.add(1, conv2d_weight_grad(g.in[0], g.grad, a, g.in[1].shape()));
}
static void vjp(const Conv2dInputGrad& a, Vjp& g) {  // in: w, dy; out and grad: like x
  if (g.wants(0)) g.add(0, conv2d_weight_grad(g.grad, g.in[1], a.conv, g.in[0].shape()));
  if (g.wants(1)) g.add(1, conv2d(g.grad, g.in[0], a.conv));
}
static void vjp(const Conv2dWeightGrad& a, Vjp& g) {  // in: x, dy; out and grad: like w
  if (g.wants(0)) g.add(0, conv2d_input_grad(g.grad, g.in[1], a.conv, g.in[0].shape()));
  if (g.wants(1)) g.add(1, conv2d(g.in[0], g.grad, a.conv));
}

// visit(x index, w index, y index) for every product of the convolution.
template <class F>
static void products(const Conv2d& a, const Shape& x, const Shape& w, const Shape& y, F visit) {
  int per_group = w[0] / a.groups;
  for (int n = 0; n < y[0]; n++)
    for (int i = 0; i < y[1]; i++)
      for (int j = 0; j < y[2]; j++)
        for (int u = 0; u < w[1]; u++)
          for (int v = 0; v < w[2]; v++) {
            int r = i * a.stride.h - a.pad.top + u * a.dilation.h, s = j * a.stride.w - a.pad.left + v * a.dilation.w;
            if (r < 0 || r >= x[1] || s < 0 || s >= x[2]) continue;
            for (int o = 0; o < w[0]; o++)
              for (int c = 0; c < w[3]; c++)
                visit(((int64_t{n} * x[1] + r) * x[2] + s) * x[3] + o / per_group * w[3] + c,
                      ((int64_t{o} * w[1] + u) * w[2] + v) * w[3] + c, ((int64_t{n} * y[1] + i) * y[2] + j) * y[3] + o);
          }
}

static void reference(const Conv2d& a, Views in, View out) {
  std::fill_n(out.data, out.shape->numel(), 0.0);
  products(a, *in[0].shape, *in[1].shape, *out.shape,
           [&](int64_t x, int64_t w, int64_t y) { out.data[y] += in[0].data[x] * in[1].data[w]; });
}
static void reference(const Conv2dInputGrad& a, Views in, View out) {
  std::fill_n(out.data, out.shape->numel(), 0.0);
  products(a.conv, *out.shape, *in[0].shape, *in[1].shape,
           [&](int64_t x, int64_t w, int64_t y) { out.data[x] += in[0].data[w] * in[1].data[y]; });
}
static void reference(const Conv2dWeightGrad& a, Views in, View out) {
  std::fill_n(out.data, out.shape->numel(), 0.0);
  products(a.conv, *in[0].shape, *out.shape, *in[1].shape,
           [&](int64_t x, int64_t w, int64_t y) { out.data[w] += in[0].data[x] * in[1].data[y]; });
}

static Cases cases() {
  struct Row {
    const char* name;
    Shape x, w;
    Conv2d a;
  };
  static const Row rows[] = {
      {"1x1", {2, 4, 5, 9}, {7, 1, 1, 9}, {}},
      {"1x1_stride2", {1, 5, 7, 6}, {5, 1, 1, 6}, {.stride = 2}},
      {"3x3", {2, 5, 6, 4}, {5, 3, 3, 4}, {.pad = 1}},
      {"3x3_16", {1, 7, 7, 16}, {16, 3, 3, 16}, {.pad = 1}},
      {"3x3_stride2", {2, 7, 6, 3}, {4, 3, 3, 3}, {.stride = 2, .pad = 1}},
      {"stem", {1, 11, 9, 3}, {8, 7, 7, 3}, {.stride = 2, .pad = 3}},
      {"patch", {1, 8, 8, 3}, {6, 4, 4, 3}, {.stride = 4}},
      {"one_sided", {1, 6, 6, 3}, {4, 3, 3, 3}, {.stride = 2, .pad = Pad(0, 0, 1, 1)}},
      {"dilated", {1, 9, 8, 3}, {3, 3, 2, 3}, {.pad = Pad(2, 1, 2, 1), .dilation = Pair(2, 3)}},
      {"grouped", {1, 5, 5, 8}, {12, 3, 3, 2}, {.pad = 1, .groups = 4}},
      {"depthwise_3x3", {2, 6, 5, 10}, {10, 3, 3, 1}, {.pad = 1, .groups = 10}},
      {"depthwise_7x7", {1, 9, 8, 17}, {17, 7, 7, 1}, {.pad = 3, .groups = 17}},
      {"depthwise_31x31", {1, 20, 20, 2}, {2, 31, 31, 1}, {.pad = 15, .groups = 2}},
      {"depthwise_stride2", {1, 7, 8, 6}, {6, 5, 5, 1}, {.stride = 2, .pad = 2, .groups = 6}},
      {"multiplier", {1, 5, 5, 3}, {6, 3, 3, 1}, {.pad = 1, .groups = 3}},
  };
  Cases r;
  for (const Row& row : rows)
    r.push_back({row.name, {row.x, row.w}, [a = row.a](auto in) { return conv2d(in[0], in[1], a); }});
  return r;
}
// The adjoints on the same shapes: dy is conv2d of the inputs, so that one list serves all three.
static Cases input_grad_cases() {
  Cases r = cases();
  for (Case& c : r)
    c.build = [forward = c.build](auto in) {
      Tensor y = forward(in);
      const Conv2d& a = y.graph->node(y.id).attr.template as<Conv2d>();
      return conv2d_input_grad(in[1], y, a, in[0].shape());
    };
  return r;
}
static Cases weight_grad_cases() {
  Cases r = cases();
  for (Case& c : r)
    c.build = [forward = c.build](auto in) {
      Tensor y = forward(in);
      const Conv2d& a = y.graph->node(y.id).attr.template as<Conv2d>();
      return conv2d_weight_grad(in[0], y, a, in[1].shape());
    };
  return r;
}

FOVEA_OP(Conv2d, "conv2d", cases)
FOVEA_OP(Conv2dInputGrad, "conv2d_input_grad", input_grad_cases)
FOVEA_OP(Conv2dWeightGrad, "conv2d_weight_grad", weight_grad_cases)
FOVEA_OPS(conv2d, &Conv2d::op, &Conv2dInputGrad::op, &Conv2dWeightGrad::op)

}  // namespace fovea
