#include "nn/dynamic_conv.h"

#include "nn/conv_norm.h"
#include "nn/mixed_conv.h"
#include "nn/resize.h"
#include "ops/layout.h"
#include "ops/pixel_conv.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

Tensor attentive_conv(Scope s, Tensor x, int window, bool bias, Act act) {
  int n = x.n(), c = x.c(), taps = window * window;
  auto dense = [&](const char* name, Tensor t) { return conv(s[name], t, c, 1, {.bias = bias, .init = truncated_normal}); };
  Tensor k = reshape(dense("kernel_proj", x), {n, x.h() * x.w(), 1, c});
  k = activation(transpose(adaptive_avg_pool(k, taps, 1), {0, 3, 1, 2}), act);                            // [n,c,taps,1]
  k = linear(s["kernel_gen"], reshape(k, {n, c, taps}), taps, {.bias = bias, .init = truncated_normal});  // [n,c,taps]
  k = k - reduce_mean(k, {2}) * reshape(sigmoid(s.param("difference_control", {c}, fill(0))), {c, 1});
  Conv2d depthwise{.pad = Pair(window / 2), .groups = c};
  return dense("proj", conv_per_sample(dense("x_proj", x), reshape(k, {n * c, window, window, 1}), depthwise));
}

Tensor large_small_conv(Scope s, Tensor x) {
  constexpr ConvNorm layer{.conv = "c", .init = fan_in_uniform};
  Scope seen = s["lkp"];
  int half = x.c() / 2, kernels = x.c() / 8;
  Tensor k = layer.depthwise(seen["cv2"], relu(layer(seen["cv1"], x, half)), 7);
  k = conv(seen["cv4"], relu(layer(seen["cv3"], k, half)), 9 * kernels, 1, {.bias = true});
  k = group_norm(seen["norm"], k, kernels);
  // Channels a multiple of `kernels` apart share one: they are made neighbours for a while.
  auto swap = [&](Tensor t, int outer) {
    t = transpose(reshape(t, {x.n(), x.h(), x.w(), outer, x.c() / outer}), {0, 1, 2, 4, 3});
    return reshape(t, x.shape());
  };
  Tensor y = swap(pixel_conv(swap(x, 8), k, {.pad = 1}), kernels);
  return batch_norm(s["bn"], y) + x;
}

}  // namespace fovea
