#include "nn/layers.h"

#include <algorithm>

#include "base/random.h"
#include "ops/conv2d.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

static int same_padding(int size, int window, int stride, int dilation) {
  int outputs = (size + stride - 1) / stride;
  return std::max((outputs - 1) * stride + (window - 1) * dilation + 1 - size, 0);
}

Pad padding(Padding p, const Shape& x, Pair window, Pair stride, int dilation) {
  if (p == Padding::none) return 0;
  if (p == Padding::centred) return Pair(dilation * (window.h - 1) / 2, dilation * (window.w - 1) / 2);
  int h = same_padding(x[1], window.h, stride.h, dilation), w = same_padding(x[2], window.w, stride.w, dilation);
  return {h / 2, w / 2, h - h / 2, w - w / 2};
}

// Biases start like the weights where PyTorch's default is kept, and at zero where a family has its own rule.
static Init bias_init(InitRule rule, const Shape& weight) {
  return rule == fan_in_uniform ? fan_in_uniform(weight, 1) : fill(0);
}

Tensor conv(Scope s, Tensor x, int out, Pair window, const ConvOptions& o) {
  Shape shape{out, window.h, window.w, x.c() / o.groups};
  Tensor weight = s.param("weight", shape, o.init(shape, o.groups), {0, 3, 1, 2});
  Pad pad = padding(o.pad, x.shape(), window, o.stride, o.dilation);
  Tensor y = conv2d(x, weight, {o.stride, pad, o.dilation, o.groups});
  return o.bias ? y + s.param("bias", {out}, bias_init(o.init, shape)) : y;
}

Tensor linear(Scope s, Tensor x, int out, const LinearOptions& o) {
  Shape shape{out, x.c()};
  Tensor y = linear(x, s.param("weight", shape, o.init(shape, 1)));
  return o.bias ? y + s.param("bias", {out}, bias_init(o.init, shape)) : y;
}

Tensor batch_norm(Scope s, Tensor x, float eps, float gamma) {
  Shape c{x.c()};
  return batch_norm(x, s.param("weight", c, fill(gamma)), s.param("bias", c, fill(0)), s.buffer("running_mean", c, fill(0)),
                    s.buffer("running_var", c, fill(1)), {.eps = eps});
}

// The shift of a norm.
static Tensor shift(Scope s, Tensor x, bool bias) {
  return bias ? s.param("bias", {x.c()}, fill(0)) : full(*x.graph, {x.c()}, 0);
}

Tensor layer_norm(Scope s, Tensor x, float eps, bool bias, float gamma) {
  Tensor weight = s.param("weight", {x.c()}, fill(gamma));
  return layer_norm(x, weight, shift(s, x, bias), eps);
}

Tensor rms_norm(Scope s, Tensor x, float eps, float gamma) {
  return x * rsqrt(reduce_mean(square(x), {-1}) + eps) * s.param("weight", {x.c()}, fill(gamma));
}

Tensor simple_norm(Scope s, Tensor x, float eps) {
  Tensor variance = reduce_sum(square(x - reduce_mean(x, {-1})), {-1}) / static_cast<float>(x.c() - 1);
  return x * rsqrt(variance + eps) * s.param("weight", {x.c()}, fill(1));
}

Tensor group_norm(Scope s, Tensor x, int groups, float eps, bool bias) {
  Tensor y = reshape(x, {x.n(), -1, groups, x.c() / groups});  // [n,hw,g,c/g]
  y = y - reduce_mean(y, {1, 3});
  y = y * rsqrt(reduce_mean(square(y), {1, 3}) + eps);
  y = reshape(y, x.shape()) * s.param("weight", {x.c()}, fill(1));
  return bias ? y + s.param("bias", {x.c()}, fill(0)) : y;
}

Tensor response_norm(Tensor x, Tensor scale, Tensor shift, float eps) {
  Tensor size = sqrt(reduce_sum(square(x), {1, 2}));  // [n,1,1,c]
  Tensor share = size / (reduce_mean(size, {-1}) + eps);
  return x + (x * share * scale + shift);
}
Tensor global_response_norm(Scope s, Tensor x, float eps) {
  Tensor scale = s.param("weight", {x.c()}, fill(0));
  return response_norm(x, scale, s.param("bias", {x.c()}, fill(0)), eps);
}

Tensor layer_scale(Scope s, Tensor x, const std::string& name, float start) {
  return x * s.param(name, {x.c()}, fill(start));
}

Tensor prelu(Scope s, Tensor x) { return maximum(x, 0.0f) + s.param("weight", {x.c()}, fill(0.25f)) * minimum(x, 0.0f); }

Tensor dropout(Scope s, Tensor x, float rate) { return dropout(x, rate, fnv1a(s.path())); }
Tensor drop_path(Scope s, Tensor x, float rate) { return drop_path(x, rate, fnv1a(s.path())); }
Tensor alpha_dropout(Scope s, Tensor x, float rate) { return alpha_dropout(x, rate, fnv1a(s.path())); }

int round_channels(double channels, int divisor, double keep) {
  int rounded = std::max(divisor, static_cast<int>(channels + divisor / 2.0) / divisor * divisor);
  return rounded < keep * channels ? rounded + divisor : rounded;
}

}  // namespace fovea
