#include "nn/gated_conv.h"

#include "nn/resize.h"
#include "ops/global_filter.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

Tensor depthwise(Scope s, Tensor x, int window, bool bias) {
  return conv(s, x, x.c(), window, {.groups = x.c(), .bias = bias, .init = truncated_normal});
}
Tensor pointwise(Scope s, Tensor x, int out) { return conv(s, x, out, 1, {.bias = true, .init = truncated_normal}); }

// Half of the channels sees its neighbours, the other half the whole map; the two halves' channels take turns.
Tensor global_local(Scope s, Tensor x, Pair size) {
  int half = x.c() / 2;
  x = layer_norm(s["pre_norm"], x);
  Tensor local = depthwise(s["dw"], slice(x, 3, 0, half), 3, false);
  Tensor spectrum = s.param("complex_weight", {half, size.h, size.w, 2}, trunc_normal(0.02f));
  spectrum = resize_bilinear(spectrum, x.h(), x.w() / 2 + 1, true);
  Tensor parts[] = {local, global_filter(slice(x, 3, half, half), spectrum)};
  for (Tensor& t : parts) t = reshape(t, {x.n(), x.h(), x.w(), half, 1});
  return layer_norm(s["post_norm"], reshape(concat(parts, 4), x.shape()));
}

}  // namespace

Tensor gated_conv(Scope s, Tensor x, const GatedConv& a) {
  int c = x.c(), narrow = c >> (a.order - 1);
  Tensor y = pointwise(s["proj_in"], x, 2 * c);
  Tensor gates = slice(y, 3, narrow, 2 * c - narrow);
  gates = a.filter.h ? global_local(s["dwconv"], gates, a.filter) : depthwise(s["dwconv"], gates, 7, true);
  gates = gates * a.scale;
  y = slice(y, 3, 0, narrow);
  for (int i = 0, at = 0; i < a.order; i++) {
    int width = c >> (a.order - 1 - i);
    if (i > 0) y = pointwise(s["pws"][i - 1], y, width);
    y = y * slice(gates, 3, at, width);
    at += width;
  }
  return pointwise(s["proj_out"], y, c);
}

}  // namespace fovea
