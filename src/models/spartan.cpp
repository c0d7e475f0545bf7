// SpaRTAN (arXiv:2507.10999): convolutions of two reaches side by side, and channels that turn as waves do, by what the
// strongest one says. Names follow the authors' implementation.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/channel_attention.h"
#include "nn/conv_norm_act.h"
#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct SpaRTAN {
  std::array<int, 4> depths, dims, expand;
};

Tensor conv(Scope s, Tensor x, int out) { return conv(s, x, out, 1, {.bias = true, .init = group_fan_out_normal}); }
Tensor active(Scope s, Tensor x, int out, int window, ConvNormAct o) {
  o.eps = 1e-6f, o.init = group_fan_out_normal, o.norm = "norm";
  return conv_norm_act(s, x, out, window, o);
}
Tensor squeeze(Scope s, Tensor x, int hidden) {
  return squeeze_excite(s, x, {.hidden = hidden, .reduce = "squeeze", .expand = "expand", .init = group_fan_out_normal});
}
// A factor of each channel, kept as [1,c,1,1].
Tensor scaled(Scope s, Tensor x, const char* name) { return x * s.param(name, {1, 1, 1, x.c()}, fill(1e-5f), {0, 3, 1, 2}); }

// Neighbours, and more of them two pixels apart. [n,h,w,c] -> same.
Tensor spatial(Scope s, Tensor x, bool depthwise) {
  int c = x.c(), half = c / 2, groups = depthwise ? half : 1;
  x = conv(s["proj_in"], x, half);
  x = x + scaled(s, x - reduce_mean(x, {1, 2}), "gamma");
  Tensor near = active(s["h_conv"], x, half, 3, {.groups = groups, .act = Act::gelu});
  Tensor far = conv(s["l_conv"][0]["conv"], x, half, 3, {.dilation = 2, .groups = groups, .init = group_fan_out_normal});
  far = active(s["l_conv"][1], far, half, 3, {.groups = groups, .dilation = 2, .act = Act::gelu});
  Tensor parts[] = {squeeze(s["h_attn"], near, half / 4), squeeze(s["l_attn"], far, half / 4)};
  return conv(s["proj_out"], concat(parts, 3), c);
}

// 1 at the first of the largest channels of each pixel, else 0.
Tensor strongest(Tensor x) {
  Tensor number = iota(*x.graph, {x.c()}, 0), last = scalar(x, static_cast<float>(x.c()));
  Tensor first = -reduce_max(
      -select(equal(x, reduce_max(x, {-1})), broadcast_to(number, x.shape()), broadcast_to(last, x.shape())), {-1});
  return equal(number, first);
}

// Pairs of channels are complex numbers, each of which has a learned factor.
Tensor rotate(Scope s, Tensor x) {
  int pairs = x.c() / 2;
  Tensor weight = s.param("complex", {1, 1, 1, pairs, 2}, normal(1)), z = reshape(x, {x.n(), x.h(), x.w(), pairs, 2});
  Tensor re = slice(z, 4, 0, 1), im = slice(z, 4, 1, 1), a = slice(weight, 4, 0, 1), b = slice(weight, 4, 1, 1);
  Tensor parts[] = {re * a - im * b, re * b + im * a};
  return reshape(concat(parts, 4), x.shape());
}

Tensor mix_channels(Scope s, Tensor x, int expand, bool grouped) {  // [n,h,w,c] -> same
  int c = x.c(), hidden = c * expand;
  Tensor at = strongest(x), theta = gelu(conv(s["theta"], x, hidden)), weight = conv(s["proj"], x, hidden);
  auto picked = [&](Tensor t) { return reduce_sum(slice(t, 3, 0, c) * at, {3}); };
  Tensor y = rotate(s, weight * theta + picked(weight) * picked(theta));
  y = active(s["conv"], y, hidden, 3, {.groups = grouped ? c : hidden, .act = Act::gelu});
  return conv(s["proj_out"], squeeze(s["attn"], y, c / 4), c);
}

Tensor block(Scope s, Tensor x, int expand, bool late, float drop) {  // [n,h,w,c] -> same
  auto add = [&](Scope branch, const char* scale, Tensor y) { x = x + drop_path(branch, scaled(s, y, scale), drop); };
  add(s["smixer"], "scale_1", spatial(s["smixer"], group_norm(s["norm_1"], x, 1, 1e-6f), late));
  add(s["cmixer"], "scale_2", mix_channels(s["cmixer"], group_norm(s["norm_2"], x, 1, 1e-6f), expand, late));
  return s.out(x);
}

Tensor spartan(Scope s, Tensor x, const SpaRTAN& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = active(s["conv"][0], x, m.dims[0] / 2, 3, {.stride = 2, .act = Act::gelu});
  x = active(s["conv"][1], x, m.dims[0], 3, {.stride = 2, .act = Act::gelu});
  DropRamp drop(o.drop_path, m.depths);
  int layer = 0;
  for (size_t i = 0; i < 4; i++) {
    if (i > 0) x = active(s["layers"][layer++], x, m.dims[i], 2, {.stride = 2, .act = Act::silu, .pad = Padding::none});
    for (int j = 0; j < m.depths[i]; j++) x = block(s["layers"][layer++], x, m.expand[i], i >= 2, drop.next());
  }
  return linear(s["linear"], dropout(s["linear"], global_avg_pool(x), o.drop), o.classes, {.init = truncated_normal});
}

const Variant<SpaRTAN> variants[] = {
    {"spartan_default", {{3, 3, 12, 2}, {32, 64, 128, 256}, {4, 4, 2, 2}}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_spartan() { return models_from<SpaRTAN>("spartan", variants, spartan); }

}  // namespace fovea
