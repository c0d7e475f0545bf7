#include "nn/std_conv.h"

#include <cmath>

#include "ops/conv2d.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

static Tensor standardized(Tensor w, float eps) {  // over all but the first axis
  w = w - reduce_mean(w, {1, 2, 3});
  return w * rsqrt(reduce_mean(square(w), {1, 2, 3}) + eps);
}

Tensor std_conv(Scope s, Tensor x, int out, Pair window, const StdConv& o) {
  Shape shape{out, window.h, window.w, x.c()};
  Tensor w = standardized(s.param("weight", shape, fan_out_normal(shape, 1), {0, 3, 1, 2}), o.eps);
  return conv2d(x, w, {o.stride, padding(o.pad, x.shape(), window, o.stride)});
}

Tensor scaled_std_conv(Scope s, Tensor x, int out, Pair window, const ScaledStdConv& o) {
  Shape shape{out, window.h, window.w, x.c() / o.groups};
  int64_t fan_in = shape.numel() / out;
  float scale = o.gamma / std::sqrt(static_cast<float>(fan_in));
  Tensor w = s.param("weight", shape, lecun_normal(shape, o.groups), {0, 3, 1, 2});
  Tensor gain = s.param("gain", {out, 1, 1, 1}, fill(o.gain));
  w = standardized(w, o.eps) * (gain * scale);
  Tensor y = conv2d(x, w, {o.stride, padding(o.pad, x.shape(), window, o.stride), 1, o.groups});
  return y + s.param("bias", {out}, fill(0));
}

}  // namespace fovea
