// Convolutions: depthwise kernels where every channel has its own window, register-tile products for the rest.
#include "kernels/conv.h"
#include "base/error.h"
#include "kernels/depthwise.h"
#include "ops/conv2d.h"
#include "plan/rows/rows.h"

namespace fovea {
namespace {

kernels::ConvShape shape_of(const Conv2d& a, const Shape& x, const Shape& w) {
  return {.n = x[0],
          .h = x[1],
          .w = x[2],
          .c = x[3],
          .o = w[0],
          .kh = w[1],
          .kw = w[2],
          .sh = a.stride.h,
          .sw = a.stride.w,
          .pt = a.pad.top,
          .pl = a.pad.left,
          .pb = a.pad.bottom,
          .pr = a.pad.right,
          .dh = a.dilation.h,
          .dw = a.dilation.w,
          .groups = a.groups};
}
kernels::ConvShape forward_shape(const Query& q) { return shape_of(q.node.attr.as<Conv2d>(), q.in(0), q.in(1)); }
kernels::ConvShape input_grad_shape(const Query& q) {
  const auto& a = q.node.attr.as<Conv2dInputGrad>();
  return shape_of(a.conv, a.x, q.in(0));
}
kernels::ConvShape weight_grad_shape(const Query& q) {
  const auto& a = q.node.attr.as<Conv2dWeightGrad>();
  return shape_of(a.conv, q.in(0), a.w);
}

template <auto shape>
std::string refuse_depthwise(const Query& q) {
  const char* reason = kernels::depthwise_refuses(shape(q));
  return reason ? reason : "";
}

// The same kernel a few rows at a time; null where rows beyond the image make that awkward.
template <class Kernel>
std::shared_ptr<Banded> banded(std::shared_ptr<Kernel> k, const kernels::ConvShape& s) {
  const int down = (s.kh - 1) * s.dh - s.pt;
  if (s.pt < 0 || down < 0) return nullptr;
  return std::make_shared<Banded>(Banded{.in = {s.n, s.h, s.w},
                                         .out = {s.n, s.oh(), s.ow()},
                                         .in_floats = s.c,
                                         .out_floats = s.o,
                                         .stride = s.sh,
                                         .up = s.pt,
                                         .down = down,
                                         .workspace_bytes = k->part_workspace_bytes(),
                                         .run = [k](const Call& c, int64_t first, int64_t count) {
                                           k->run_part(c.in[0], c.packed, c.out[0], c.work, first, count, c.epilogue);
                                         }});
}

// A kernel that packs the operand `weight` and convolves the other one.
template <class Kernel, auto shape, int weight, bool with_epilogue>
Bound bind_packed(const Query& q) {
  std::shared_ptr<Kernel> k = Kernel::make(shape(q), q.isa, q.threads);
  FOVEA_CHECK(k != nullptr);
  Bound b;
  b.name = k->name();
  b.packs = weight;
  b.packed_floats = k->packed_floats();
  b.pack = [k](const float* w, float* packed, Pool& pool) { k->pack(w, packed, pool); };
  b.workspace_bytes = k->workspace_bytes();
  b.takes_epilogue = with_epilogue;
  if constexpr (weight == 1) b.band = banded(k, shape(q));
  b.run = [k](const Call& c) {
    if constexpr (with_epilogue)
      k->run(c.in[1 - weight], c.packed, c.out[0], c.work, *c.pool, c.epilogue);
    else
      k->run(c.in[1 - weight], c.packed, c.out[0], c.work, *c.pool);
  };
  return b;
}

template <class Kernel>
Bound bind_weight_grad(const Query& q) {
  std::shared_ptr<Kernel> k = Kernel::make(weight_grad_shape(q), q.isa, q.threads);
  FOVEA_CHECK(k != nullptr);
  Bound b;
  b.name = k->name();
  b.workspace_bytes = k->workspace_bytes();
  b.run = [k](const Call& c) { k->run(c.in[0], c.in[1], c.out[0], c.work, *c.pool); };
  return b;
}

const Row rows[] = {
    {&Conv2d::op, "depthwise", refuse_depthwise<forward_shape>,
     bind_packed<kernels::DepthwiseForward, forward_shape, 1, true>},
    {&Conv2d::op, "conv", takes_all, bind_packed<kernels::ConvForward, forward_shape, 1, true>},
    {&Conv2dInputGrad::op, "depthwise_data", refuse_depthwise<input_grad_shape>,
     bind_packed<kernels::DepthwiseBackwardData, input_grad_shape, 0, true>},
    {&Conv2dInputGrad::op, "conv_data", takes_all, bind_packed<kernels::ConvBackwardData, input_grad_shape, 0, false>},
    {&Conv2dWeightGrad::op, "depthwise_weight", refuse_depthwise<weight_grad_shape>,
     bind_weight_grad<kernels::DepthwiseBackwardWeight>},
    {&Conv2dWeightGrad::op, "conv_weight", takes_all, bind_weight_grad<kernels::ConvBackwardWeight>},
};

}  // namespace

std::span<const Row> conv_rows() { return rows; }

}  // namespace fovea
