// Pooling, and kernels of pixels.
#include "kernels/pixel_conv.h"
#include "kernels/pool.h"
#include "ops/pixel_conv.h"
#include "ops/pool.h"
#include "plan/rows/rows.h"

namespace fovea {
namespace {

kernels::PoolShape shape_of(const Window& w, const Shape& x) {
  return {.n = x[0],
          .h = x[1],
          .w = x[2],
          .c = x[3],
          .kh = w.size.h,
          .kw = w.size.w,
          .sh = w.stride.h,
          .sw = w.stride.w,
          .pt = w.pad.top,
          .pl = w.pad.left,
          .pb = w.pad.bottom,
          .pr = w.pad.right};
}

Bound bind_max(const Query& q) {
  auto k = std::make_shared<kernels::MaxPool>(shape_of(q.node.attr.as<MaxPool>().window, q.in(0)), q.isa, q.threads);
  Bound b;
  b.workspace_bytes = k->forward_workspace_bytes();
  b.run = [k](const Call& c) { k->forward(c.in[0], c.out[0], c.work, *c.pool); };
  return b;
}
Bound bind_max_grad(const Query& q) {
  auto k = std::make_shared<kernels::MaxPool>(shape_of(q.node.attr.as<MaxPoolGrad>().window, q.in(0)), q.isa, q.threads);
  Bound b;
  b.workspace_bytes = k->backward_workspace_bytes();
  b.run = [k](const Call& c) { k->backward(c.in[0], c.in[1], c.out[0], c.work, *c.pool); };
  return b;
}
Bound bind_avg(const Query& q) {
  const AvgPool& a = q.node.attr.as<AvgPool>();
  auto k = std::make_shared<kernels::AvgPool>(shape_of(a.window, q.in(0)), a.count_pad, q.isa, q.threads);
  Bound b;
  b.workspace_bytes = k->workspace_bytes();
  b.run = [k](const Call& c) { k->forward(c.in[0], c.out[0], c.work, *c.pool); };
  return b;
}
Bound bind_avg_grad(const Query& q) {
  const AvgPoolGrad& a = q.node.attr.as<AvgPoolGrad>();
  auto k = std::make_shared<kernels::AvgPool>(shape_of(a.pool.window, a.x), a.pool.count_pad, q.isa, q.threads);
  Bound b;
  b.workspace_bytes = k->workspace_bytes();
  b.run = [k](const Call& c) { k->backward(c.in[0], c.out[0], c.work, *c.pool); };
  return b;
}

std::shared_ptr<kernels::PixelConv> pixel_conv_of(const Query& q, const PixelConv& a, const Shape& x, const Shape& k) {
  kernels::PixelConvShape s{.n = x[0],
                            .c = x[3],
                            .groups = k[3] / (a.size.h * a.size.w),
                            .rows = {x[1], k[1], a.size.h, a.stride.h, a.dilation.h, a.pad.top},
                            .columns = {x[2], k[2], a.size.w, a.stride.w, a.dilation.w, a.pad.left}};
  return std::make_shared<kernels::PixelConv>(s, q.isa);
}
Bound bind_pixel_conv(const Query& q) {
  Bound b;
  b.run = [k = pixel_conv_of(q, q.node.attr.as<PixelConv>(), q.in(0), q.in(1))](const Call& c) {
    k->forward(c.in[0], c.in[1], c.out[0], *c.pool);
  };
  return b;
}
Bound bind_pixel_input_grad(const Query& q) {
  Bound b;
  b.run = [k = pixel_conv_of(q, q.node.attr.as<PixelConvInputGrad>().conv, q.out(), q.in(0))](const Call& c) {
    k->input_grad(c.in[0], c.in[1], c.out[0], *c.pool);
  };
  return b;
}
Bound bind_pixel_kernel_grad(const Query& q) {
  Bound b;
  b.run = [k = pixel_conv_of(q, q.node.attr.as<PixelConvKernelGrad>().conv, q.in(0), q.out())](const Call& c) {
    k->kernel_grad(c.in[0], c.in[1], c.out[0], *c.pool);
  };
  return b;
}

const Row rows[] = {
    {&MaxPool::op, "max_pool", takes_all, bind_max},
    {&MaxPoolGrad::op, "max_pool_grad", takes_all, bind_max_grad},
    {&AvgPool::op, "avg_pool", takes_all, bind_avg},
    {&AvgPoolGrad::op, "avg_pool_grad", takes_all, bind_avg_grad},
    {&PixelConv::op, "pixel_conv", takes_all, bind_pixel_conv},
    {&PixelConvInputGrad::op, "pixel_conv_data", takes_all, bind_pixel_input_grad},
    {&PixelConvKernelGrad::op, "pixel_conv_kernel", takes_all, bind_pixel_kernel_grad},
};

}  // namespace

std::span<const Row> window_rows() { return rows; }

}  // namespace fovea
