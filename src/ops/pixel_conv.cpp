#include "ops/pixel_conv.h"

#include <algorithm>

#include "base/error.h"
#include "ops/conv2d.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

Tensor pixel_conv(Tensor x, Tensor k, const PixelConv& a) { return record(a, {x, k}); }

static int taps(const PixelConv& a) { return a.size.h * a.size.w; }

// The result's shape, which must be where there are kernels.
static Shape result(const PixelConv& a, const Shape& x, const Shape& k) {
  if (x.rank != 4 || k.rank != 4) fail(Code::usage, "pixel_conv takes x [n,h,w,c] and kernels [n,h',w',groups*size]");
  if (a.size.h < 1 || a.size.w < 1) fail(Code::usage, "a kernel has at least 1 pixel");
  Conv2d conv{.stride = a.stride, .pad = a.pad, .dilation = a.dilation};
  Shape y = conv2d_shape(x, {x[3], a.size.h, a.size.w, x[3]}, conv);
  int groups = k[3] / taps(a);
  if (k[0] != y[0] || k[1] != y[1] || k[2] != y[2] || k[3] % taps(a) || groups < 1 || x[3] % groups)
    fail(Code::usage, "kernels {} of {}x{} do not fit the result {}", k.str(), a.size.h, a.size.w, y.str());
  return y;
}

static Type infer(const PixelConv& a, Types in) { return {result(a, in[0].shape, in[1].shape)}; }
static Type infer(const PixelConvInputGrad& a, Types in) {
  if (!(result(a.conv, a.x, in[0].shape) == in[1].shape))
    fail(Code::usage, "the gradient {} is not that of a result", in[1].shape.str());
  return {a.x};
}
static Type infer(const PixelConvKernelGrad& a, Types in) {
  const Shape& y = in[1].shape;
  Shape k{y[0], y[1], y[2], a.groups * taps(a.conv)};
  if (!(result(a.conv, in[0].shape, k) == y)) fail(Code::usage, "the gradient {} is not that of a result", y.str());
  return {k};
}

static int64_t macs(const PixelConv& a, Types, const Shape& y) { return y.numel() * taps(a); }
static int64_t macs(const PixelConvInputGrad& a, Types in, const Shape&) { return in[1].shape.numel() * taps(a.conv); }
static int64_t macs(const PixelConvKernelGrad& a, Types in, const Shape&) { return in[1].shape.numel() * taps(a.conv); }

static void vjp(const PixelConv& a, Vjp& g) {
  int groups = g.in[1].c() / taps(a);
  if (g.wants(0)) g.add(0, record(PixelConvInputGrad{a, g.in[0].shape()}, {g.in[1], g.grad}));
  if (g.wants(1)) g.add(1, record(PixelConvKernelGrad{a, groups}, {g.in[0], g.grad}));
}
static void vjp(const PixelConvInputGrad& a, Vjp& g) {  // in: k, dy; out and grad: like x
  int groups = g.in[0].c() / taps(a.conv);
  if (g.wants(0)) g.add(0, record(PixelConvKernelGrad{a.conv, groups}, {g.grad, g.in[1]}));
  if (g.wants(1)) g.add(1, pixel_conv(g.grad, g.in[0], a.conv));
}
static void vjp(const PixelConvKernelGrad& a, Vjp& g) {  // in: x, dy; out and grad: like k
  if (g.wants(0)) g.add(0, record(PixelConvInputGrad{a.conv, g.in[0].shape()}, {g.grad, g.in[1]}));
  if (g.wants(1)) g.add(1, pixel_conv(g.in[0], g.grad, a.conv));
}

// visit(x index, k index, y index) for every product.
template <class F>
static void products(const PixelConv& a, const Shape& x, const Shape& k, const Shape& y, F visit) {
  int per_group = x[3] / (k[3] / taps(a));
  for (int n = 0; n < y[0]; n++)
    for (int i = 0; i < y[1]; i++)
      for (int j = 0; j < y[2]; j++)
        for (int u = 0; u < a.size.h; u++)
          for (int v = 0; v < a.size.w; v++) {
            int r = i * a.stride.h - a.pad.top + u * a.dilation.h, s = j * a.stride.w - a.pad.left + v * a.dilation.w;
            if (r < 0 || r >= x[1] || s < 0 || s >= x[2]) continue;
            int64_t from = ((int64_t{n} * x[1] + r) * x[2] + s) * x[3], to = ((int64_t{n} * y[1] + i) * y[2] + j);
            for (int c = 0; c < x[3]; c++)
              visit(from + c, to * k[3] + c / per_group * taps(a) + u * a.size.w + v, to * y[3] + c);
          }
}

// What runs where there is no kernel, and what is exported: a product for each place of the kernel.
static Tensor body(const PixelConv& a, std::span<const Tensor> in) {
  Tensor x = in[0], sum;
  Shape y = result(a, x.shape(), in[1].shape());
  int groups = in[1].c() / taps(a);
  Tensor k = reshape(in[1], {y[0], y[1], y[2], groups, taps(a)});
  x = pad(x, {0, a.pad.top, a.pad.left, 0}, {0, a.pad.bottom, a.pad.right, 0});
  for (int tap = 0; tap < taps(a); tap++) {
    Dims start{0, tap / a.size.w * a.dilation.h, tap % a.size.w * a.dilation.w, 0};
    Tensor seen = slice(x, Slice{start, y, {1, a.stride.h, a.stride.w, 1}});
    Tensor part = reshape(seen, {y[0], y[1], y[2], groups, y[3] / groups}) * slice(k, 4, tap, 1);
    sum = sum ? sum + part : part;
  }
  return reshape(sum, y);
}

static void reference(const PixelConvInputGrad& a, Views in, View out) {
  std::fill_n(out.data, out.shape->numel(), 0.0);
  products(a.conv, *out.shape, *in[0].shape, *in[1].shape,
           [&](int64_t x, int64_t k, int64_t y) { out.data[x] += in[0].data[k] * in[1].data[y]; });
}
static void reference(const PixelConvKernelGrad& a, Views in, View out) {
  std::fill_n(out.data, out.shape->numel(), 0.0);
  products(a.conv, *in[0].shape, *out.shape, *in[1].shape,
           [&](int64_t x, int64_t k, int64_t y) { out.data[k] += in[0].data[x] * in[1].data[y]; });
}

// Calls with the inputs x, k, dy; only those that `build` takes count.
static Cases cases_of(Tensor (*build)(std::span<const Tensor>, const PixelConv&)) {
  struct Row {
    const char* name;
    Shape x, k;
    PixelConv a;
  };
  static const Row rows[] = {
      {"3x3", {2, 5, 4, 6}, {2, 5, 4, 27}, {.pad = 1}},
      {"7x7", {1, 6, 7, 32}, {1, 6, 7, 98}, {.size = 7, .pad = 3}},
      {"stride2", {1, 7, 6, 20}, {1, 4, 3, 9}, {.stride = 2, .pad = 1}},
      {"dilated", {1, 6, 7, 4}, {1, 5, 6, 12}, {.size = {2, 3}, .pad = Pad(0, 2, 2, 1), .dilation = {3, 2}}},
  };
  Cases r;
  for (const Row& row : rows)
    r.push_back({row.name, {row.x, row.k, {row.k[0], row.k[1], row.k[2], row.x[3]}}, [a = row.a, build](auto in) {
                   return build(in, a);
                 }});
  return r;
}
static Cases cases() {
  return cases_of([](auto in, auto& a) { return pixel_conv(in[0], in[1], a); });
}
static Cases input_grad_cases() {
  return cases_of([](auto in, auto& a) { return record(PixelConvInputGrad{a, in[0].shape()}, {in[1], in[2]}); });
}
static Cases kernel_grad_cases() {
  return cases_of([](auto in, auto& a) { return record(PixelConvKernelGrad{a, in[1].c() / taps(a)}, {in[0], in[2]}); });
}

FOVEA_OP(PixelConv, "pixel_conv", cases)
FOVEA_OP(PixelConvInputGrad, "pixel_conv_input_grad", input_grad_cases)
FOVEA_OP(PixelConvKernelGrad, "pixel_conv_kernel_grad", kernel_grad_cases)
FOVEA_OPS(pixel_conv, &PixelConv::op, &PixelConvInputGrad::op, &PixelConvKernelGrad::op)

}  // namespace fovea
