#include "nn/involution.h"

#include "base/error.h"
#include "nn/conv_norm_act.h"
#include "ops/pixel_conv.h"
#include "ops/pool.h"

namespace fovea {

Tensor involution(Scope s, Tensor x, int window, int stride) {
  constexpr int kReduction = 4, kGroup = 16;
  if (x.c() % kGroup) fail(Code::usage, "an involution needs a multiple of {} channels, got {}", kGroup, x.c());
  if (window < 1 || stride < 1) fail(Code::usage, "a window of {} pixels, stride {}", window, stride);
  Tensor seen = stride > 1 ? avg_pool(x, stride, stride) : x;
  Tensor kernels = conv_norm_act(s["conv1"], seen, x.c() / kReduction, 1);
  kernels = conv(s["conv2"]["conv"], kernels, window * window * (x.c() / kGroup), 1, {.bias = true});
  return pixel_conv(x, kernels, {.size = window, .stride = stride, .pad = (window - 1) / 2});
}

}  // namespace fovea
