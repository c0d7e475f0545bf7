#include "nn/split_attention.h"

#include <algorithm>

#include "nn/conv_norm_act.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/softmax.h"

namespace fovea {

Tensor split_attention(Scope s, Tensor x, const SplitAttention& a) {
  int c = x.c(), n = x.n(), wide = c * a.radix, hidden = std::max(32, round_channels(wide / 4.0));
  ConvNormAct split{.stride = a.stride, .groups = a.groups * a.radix, .norm = "bn0"};
  Tensor y = conv_norm_act(s, x, wide, 3, split);
  Tensor parts = reshape(y, {n, y.h() * y.w(), a.radix, c});
  Tensor mean = reshape(reduce_mean(reduce_sum(parts, {2}), {1}), {n, 1, 1, c});
  Tensor z = conv_norm_act(s, mean, hidden, 1, {.groups = a.groups, .bias = true, .conv = "fc1", .norm = "bn1"});
  z = conv(s["fc2"], z, wide, 1, {.groups = a.groups, .bias = true});
  if (a.radix == 1) return y * sigmoid(z);
  z = transpose(reshape(z, {n, a.groups, a.radix, c / a.groups}), {0, 1, 3, 2});
  z = transpose(softmax(z), {0, 3, 1, 2});  // [n,radix,groups,c/groups]
  return reshape(reduce_sum(parts * reshape(z, {n, 1, a.radix, c}), {2}), {n, y.h(), y.w(), c});
}

Tensor selective_kernel(Scope s, Tensor x, const SelectiveKernel& a) {
  Tensor parts[2];
  int half = x.c() / 2, hidden = round_channels(a.out * a.ratio, a.divisor);
  for (int i = 0; i < 2; i++) {
    Tensor in = a.split ? slice(x, 3, i * half, half) : x;
    parts[i] = conv_norm_act(s["paths"][i], in, a.out, 3, {.stride = a.stride, .groups = a.groups, .dilation = i + 1});
  }
  Scope attn = s["attn"];
  Tensor z = reduce_mean(parts[0] + parts[1], {1, 2});
  z = conv(attn["fc_select"], conv_norm_act(attn, z, hidden, 1, {.conv = "fc_reduce"}), 2 * a.out, 1);
  // A softmax over two is a sigmoid of their difference.
  Tensor first = sigmoid(slice(z, 3, 0, a.out) - slice(z, 3, a.out, a.out));
  return parts[1] + first * (parts[0] - parts[1]);
}

}  // namespace fovea
