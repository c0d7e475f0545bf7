// Convolutions: depthwise kernels where every channel has its own window, by Fourier transforms where that is large,
// Winograd's where it is faster, register-tile products for the rest.
#include "kernels/conv_gather.h"
#include "kernels/conv_weight.h"
#include "kernels/depthwise.h"
#include "kernels/depthwise_small.h"
#include "kernels/fft.h"
#include "kernels/im2win.h"
#include "kernels/winograd.h"
#include "kernels/winograd_weight.h"
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
kernels::ConvShape shape_of(const Query& q) {
  if (q.node.op == &Conv2d::op) return shape_of(q.node.attr.as<Conv2d>(), q.in(0), q.in(1));
  if (q.node.op == &Conv2dInputGrad::op) {
    const auto& a = q.node.attr.as<Conv2dInputGrad>();
    return shape_of(a.conv, a.x, q.in(0));
  }
  const auto& a = q.node.attr.as<Conv2dWeightGrad>();
  return shape_of(a.conv, q.in(0), a.w);
}

std::string refuse_dense(const Query& q) {
  return shape_of(q).depthwise() ? "" : "not one output channel per input channel";
}

kernels::Direction direction(const Query& q) {
  return q.node.op == &Conv2d::op ? kernels::Direction::forward : kernels::Direction::backward_data;
}

// Training: then a picture's company may decide how it is computed.
bool weights_change(const Query& q) { return q.node.op != &Conv2d::op || !q.fixed_input(1); }

// The kernel for any window asks for its rows ahead of time, which the one for small windows does not: that is worth more
// than all else where a whole batch comes from beyond L2, and no pixels are left out.
std::string refuse_small(const Query& q, const char* reason) {
  constexpr int64_t kFarBytes = 4 << 20;
  const kernels::ConvShape s = shape_of(q);
  const int64_t bytes = 4 * int64_t{s.n} * s.c * (int64_t{s.h} * s.w + int64_t{s.oh()} * s.ow());
  if (!reason && weights_change(q) && s.sh == 1 && bytes > kFarBytes) return "so much comes from beyond L2";
  return reason ? reason : "";
}
std::string refuse_small(const Query& q) {
  return refuse_small(q, kernels::DepthwiseSmall::refuses(shape_of(q), direction(q)));
}
std::string refuse_small_weight(const Query& q) {
  return refuse_small(q, kernels::DepthwiseSmallWeight::refuses(shape_of(q)));
}

// As Winograd's, another order of the sum, with the same switch.
std::string refuse_fft(const Query& q) {
  if (const char* reason = kernels::fft_refuses(shape_of(q), weights_change(q))) return reason;
  return q.winograd ? "" : "switched off";
}
std::string refuse_fft_weight(const Query& q) {
  if (const char* reason = kernels::fft_weight_refuses(shape_of(q))) return reason;
  return q.winograd ? "" : "switched off";
}

std::string refuse_im2win(const Query& q) { return kernels::im2win_refuses(shape_of(q), direction(q)); }

// Its weights are transformed: once if they are constant, else in every run, which only pays for many pixels.
std::string refuse_winograd(const Query& q) {
  const kernels::ConvShape s = kernels::winograd_shape(shape_of(q), direction(q));
  if (const char* reason = kernels::winograd_refuses(s, weights_change(q) ? s.n : 1)) return reason;
  if (!q.winograd) return "switched off";
  if (weights_change(q)) return kernels::winograd_pays_packing(s) ? "" : "weights that change, for few pixels";
  const bool pairs = kernels::operand(q.precision_with(1, s.c), q.isa).channels == 2;
  return pairs && kernels::winograd_tile(s) == 2 ? "bfloat16 is as fast" : "";
}

std::string refuse_winograd_weight(const Query& q) {
  if (const char* reason = kernels::winograd_weight_refuses(shape_of(q))) return reason;
  return q.winograd ? "" : "switched off";
}

// The same kernel a few rows at a time; null where rows beyond the image make that awkward.
template <class Kernel>
std::shared_ptr<Banded> banded(std::shared_ptr<Kernel> k, const kernels::ConvShape& s) {
  const int down = (s.kh - 1) * s.dh - s.pt;
  if (s.pt < 0 || down < 0 || s.pb > (s.kh - 1) * s.dh) return nullptr;
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
template <class Kernel>
Bound packed_bound(std::shared_ptr<Kernel> k, int weight) {
  Bound b;
  b.name = k->name();
  b.packs = weight;
  b.packed_floats = k->packed_floats();
  b.pack = [k](const float* w, float* packed, Pool& pool) { k->pack(w, packed, pool); };
  b.workspace_bytes = k->workspace_bytes();
  b.run = [k, pixels = 1 - weight](const Call& c) { k->run(c.in[pixels], c.packed, c.out[0], c.work, *c.pool, c.epilogue); };
  return b;
}

// in: x, w forward; w, dy backward.
template <class Kernel>
Bound bind_packed(const Query& q, std::shared_ptr<Kernel> k) {
  const kernels::ConvShape s = shape_of(q);
  const bool forward = direction(q) == kernels::Direction::forward;
  Bound b = packed_bound(k, forward ? 1 : 0);
  // the gradient of a strided dense convolution is made a residue class at a time: its pixels do not lie together
  b.takes_epilogue = forward || !std::is_same_v<Kernel, kernels::GatherConv> || (s.sh == 1 && s.sw == 1);
  if (forward) b.band = banded(k, s);
  return b;
}

template <class Kernel>
Bound bind_depthwise(const Query& q) {
  return bind_packed(q, std::make_shared<Kernel>(shape_of(q), direction(q), q.isa, q.threads));
}

Bound bind_gather(const Query& q) {
  const kernels::ConvShape s = shape_of(q);
  const bool forward = direction(q) == kernels::Direction::forward;
  const auto precision = forward ? q.precision_with(1, s.c, s.groups) : kernels::Precision::f32;
  return bind_packed(q, std::make_shared<kernels::GatherConv>(s, direction(q), q.isa, q.threads, precision));
}

template <class Kernel>
Bound bind_transformed(const Query& q, std::shared_ptr<Kernel> k) {
  Bound b = packed_bound(std::move(k), direction(q) == kernels::Direction::forward ? 1 : 0);
  b.takes_epilogue = true;
  return b;
}

Bound bind_winograd(const Query& q) {
  const kernels::ConvShape s = shape_of(q);
  const int tile = kernels::winograd_tile(kernels::winograd_shape(s, direction(q)), weights_change(q) ? s.n : 1);
  return bind_transformed(q, std::make_shared<kernels::Winograd>(s, direction(q), q.isa, q.threads, tile));
}

Bound bind_fft(const Query& q) {
  return bind_transformed(q, std::make_shared<kernels::FftConv>(shape_of(q), direction(q), q.isa, q.threads));
}

Bound bind_im2win(const Query& q) {
  return bind_transformed(q, std::make_shared<kernels::Im2win>(shape_of(q), direction(q), q.isa, q.threads));
}

template <class Kernel>
Bound bind_weight_grad(const Query& q) {
  auto k = std::make_shared<Kernel>(shape_of(q), q.isa, q.threads);
  Bound b;
  b.name = k->name();
  b.workspace_bytes = k->workspace_bytes();
  b.run = [k](const Call& c) { k->run(c.in[0], c.in[1], c.out[0], c.work, *c.pool); };
  return b;
}

const Row rows[] = {
    {&Conv2d::op, "fft", refuse_fft, bind_fft},
    {&Conv2d::op, "depthwise_small", refuse_small, bind_depthwise<kernels::DepthwiseSmall>},
    {&Conv2d::op, "depthwise", refuse_dense, bind_depthwise<kernels::DepthwiseConv>},
    {&Conv2d::op, "winograd", refuse_winograd, bind_winograd},
    {&Conv2d::op, "im2win", refuse_im2win, bind_im2win},
    {&Conv2d::op, "conv", takes_all, bind_gather},
    {&Conv2dInputGrad::op, "fft_data", refuse_fft, bind_fft},
    {&Conv2dInputGrad::op, "depthwise_small_data", refuse_small, bind_depthwise<kernels::DepthwiseSmall>},
    {&Conv2dInputGrad::op, "depthwise_data", refuse_dense, bind_depthwise<kernels::DepthwiseConv>},
    {&Conv2dInputGrad::op, "winograd_data", refuse_winograd, bind_winograd},
    {&Conv2dInputGrad::op, "conv_data", takes_all, bind_gather},
    {&Conv2dWeightGrad::op, "fft_weight", refuse_fft_weight, bind_weight_grad<kernels::FftWeightConv>},
    {&Conv2dWeightGrad::op, "depthwise_small_weight", refuse_small_weight, bind_weight_grad<kernels::DepthwiseSmallWeight>},
    {&Conv2dWeightGrad::op, "depthwise_weight", refuse_dense, bind_weight_grad<kernels::DepthwiseWeightConv>},
    {&Conv2dWeightGrad::op, "winograd_weight", refuse_winograd_weight, bind_weight_grad<kernels::WinogradWeight>},
    {&Conv2dWeightGrad::op, "conv_weight", takes_all, bind_weight_grad<kernels::WeightConv>},
};

}  // namespace

std::span<const Row> conv_rows() { return rows; }

}  // namespace fovea
