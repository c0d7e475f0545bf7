#include "nn/partial_conv.h"

#include "ops/pointwise.h"

namespace fovea {

PartialWindows partial_windows(Graph& g, Pair map, Pair window, const Conv2d& a) {
  Conv2d one{.stride = a.stride, .pad = a.pad, .dilation = a.dilation};
  Tensor pixels = conv2d(full(g, {1, map.h, map.w, 1}, 1), full(g, {1, window.h, window.w, 1}, 1), one);
  Tensor some = minimum(pixels, 1);
  return {static_cast<float>(window.h * window.w) * some / maximum(pixels, 1), some};
}

Tensor partial_conv(Scope s, Tensor x, int out, Pair window, const ConvOptions& o) {
  ConvOptions plain = o;
  plain.bias = false;
  Pad pad = padding(o.pad, x.shape(), window, o.stride, o.dilation);
  PartialWindows at = partial_windows(s.graph(), {x.h(), x.w()}, window, {o.stride, pad, o.dilation});
  Tensor y = conv(s, x, out, window, plain) * at.scale;
  Shape shape{out, window.h, window.w, x.c() / o.groups};
  return o.bias ? y + s.param("bias", {out}, fan_in_uniform(shape, 1)) * at.some : y;
}

}  // namespace fovea
