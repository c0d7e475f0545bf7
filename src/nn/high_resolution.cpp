#include "nn/high_resolution.h"

#include "nn/conv_norm_act.h"
#include "ops/pointwise.h"

namespace fovea {

Tensor conv_norm_pair(Scope s, Tensor x, int out, int window, int stride, Act act, bool bias) {
  return conv_norm_act(s, x, out, window, {.stride = stride, .act = act, .bias = bias, .conv = "0", .norm = "1"});
}

Tensor bottleneck(Scope s, Tensor x, int inner) {
  Tensor y = conv_norm_act(s, x, inner, 1, {.conv = "conv1", .norm = "bn1"});
  y = conv_norm_act(s, y, inner, 3, {.conv = "conv2", .norm = "bn2"});
  y = conv_norm_act(s, y, 4 * inner, 1, {.act = Act::none, .conv = "conv3", .norm = "bn3"});
  if (x.c() != 4 * inner) x = conv_norm_pair(s["downsample"], x, 4 * inner, 1, 1, Act::none);
  return s.out(relu(y + x));
}

Tensor halve(Scope s, Tensor x, int steps, int out, Act last) {
  for (int i = 0; i < steps; i++)
    x = conv_norm_pair(s[i], x, i + 1 < steps ? x.c() : out, 3, 2, i + 1 < steps ? Act::relu : last);
  return x;
}

Maps transition(Scope s, const Maps& from, int branches, int width) {
  Maps to;
  int old = static_cast<int>(from.size());
  for (int i = 0; i < branches; i++) {
    int out = width << i;
    if (i >= old)
      to.push_back(halve(s[i], from.back(), i + 1 - old, out, Act::relu));
    else
      to.push_back(from[static_cast<size_t>(i)].c() == out ? from[static_cast<size_t>(i)]
                                                           : conv_norm_pair(s[i], from[0], out, 3, 1, Act::relu));
  }
  return to;
}

}  // namespace fovea
