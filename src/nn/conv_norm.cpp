#include "nn/conv_norm.h"

#include "nn/channel_attention.h"
#include "ops/pointwise.h"

namespace fovea {

Tensor ConvNorm::operator()(Scope s, Tensor x, int out, Pair window, int stride, int groups, float gamma) const {
  x = fovea::conv(s[conv], x, out, window, {.stride = stride, .groups = groups, .bias = bias, .init = init});
  return batch_norm(s[norm], x, eps, gamma);
}

Tensor ConvNorm::depthwise(Scope s, Tensor x, Pair window, int stride, float gamma) const {
  return (*this)(s, x, x.c(), window, stride, x.c(), gamma);
}

Tensor merge_patches(const ConvNorm& layer, Scope s, Tensor x, int out) {
  int hidden = 4 * x.c();
  x = relu(layer(s["conv1"], x, hidden));
  x = relu(layer.depthwise(s["conv2"], x, 3, 2));
  return layer(s["conv3"], squeeze_excite(s["se"], x, {.hidden = round_channels(hidden / 4.0, 8, 0)}), out);
}

Tensor norm_linear(Scope s, const char* name, Tensor x, int classes, float drop) {
  return linear(s[name], dropout(s, batch_norm(s["bn"], x), drop), classes, {.init = truncated_normal});
}

}  // namespace fovea
