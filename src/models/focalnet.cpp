// FocalNet (arXiv:2203.11926): pixels are multiplied by what gates take from ever larger surroundings. Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "ops/conv2d.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct FocalNet {
  int dim;
  std::array<int, 4> depths;
  int levels = 2, window = 3;
  bool large = false;  // overlapping patches, norms after the layers, layer scale
  bool huge = false;   // and a norm within the modulation
};
constexpr float kEps = 1e-5f;

Tensor norm(Scope s, Tensor x) { return layer_norm(s, x, kEps); }
Tensor pointwise(Scope s, Tensor x, int out) { return conv(s, x, out, 1, {.bias = true, .init = truncated_normal}); }

// Patches, which overlap in large models: 4x4/4 or 7x7/4, 2x2/2 or 3x3/2.
Tensor downsample(Scope s, Tensor x, int out, int stride, const FocalNet& m) {
  int window = !m.large ? stride : stride == 4 ? 7 : 3;
  Shape shape{out, window, window, x.c()};
  Tensor weight = s["proj"].param("weight", shape, truncated_normal(shape, 1), {0, 3, 1, 2});
  x = conv2d(x, weight, {stride, m.large ? Pad(stride / 2) : Pad(0)});
  return norm(s["norm"], x + s["proj"].param("bias", {out}, fill(0)));
}

Tensor modulate(Scope s, Tensor x, const FocalNet& m) {  // [n,h,w,c] -> same
  int c = x.c();
  Tensor y = pointwise(s["f"], x, 2 * c + m.levels + 1), context = slice(y, 3, c, c), sum;
  auto gate = [&](int level) { return slice(y, 3, 2 * c + level, 1); };
  for (int k = 0; k < m.levels; k++) {
    ConvOptions o{.groups = c, .init = truncated_normal};
    context = gelu(conv(s["focal_layers"][k][0], context, c, m.window + 2 * k, o));
    sum = k ? sum + context * gate(k) : context * gate(k);
  }
  sum = sum + gelu(reduce_mean(context, {1, 2})) * gate(m.levels);
  y = slice(y, 3, 0, c) * pointwise(s["h"], sum, c);
  return pointwise(s["proj"], m.huge ? norm(s["norm"], y) : y, c);
}

Tensor block(Scope s, Tensor x, const FocalNet& m, float drop) {  // [n,h,w,c] -> same
  auto before = [&](const char* name, Tensor t) { return m.large ? t : norm(s[name], t); };
  auto after = [&](const char* name, const char* scale, Tensor t) {
    return drop_path(s[scale], m.large ? layer_scale(s[scale], norm(s[name], t), "gamma", 1e-4f) : t, drop);
  };
  x = x + after("norm1_post", "ls1", modulate(s["modulation"], before("norm1", x), m));
  Tensor y = pointwise(s["mlp"]["fc2"], gelu(pointwise(s["mlp"]["fc1"], before("norm2", x), 4 * x.c())), x.c());
  return s.out(x + after("norm2_post", "ls2", y));
}

Tensor focalnet(Scope s, Tensor x, const FocalNet& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = downsample(s["stem"], x, m.dim, 4, m);
  DropRamp drop(o.drop_path, m.depths);
  for (int i = 0; i < 4; i++) {
    Scope stage = s["layers"][i];
    if (i > 0) x = downsample(stage["downsample"], x, m.dim << i, 2, m);
    for (int j = 0; j < m.depths[static_cast<size_t>(i)]; j++) x = block(stage["blocks"][j], x, m, drop.next());
  }
  x = dropout(s["head"], global_avg_pool(norm(s["norm"], x)), o.drop);
  return linear(s["head"]["fc"], x, o.classes, {.init = truncated_normal});
}

using Four = std::array<int, 4>;
constexpr Four kTiny = {2, 2, 6, 2}, kSmall = {2, 2, 18, 2};
FocalNet large(int dim, int levels, int window) { return {dim, kSmall, levels, window, true}; }
FocalNet huge(int levels) { return {352, kSmall, levels, 3, true, true}; }

const Variant<FocalNet> variants[] = {
    {"focalnet_tiny_srf", {96, kTiny}, imagenet_card(224, 0.9f)},
    {"focalnet_small_srf", {96, kSmall}, imagenet_card(224, 0.9f)},
    {"focalnet_base_srf", {128, kSmall}, imagenet_card(224, 0.9f)},
    {"focalnet_tiny_lrf", {96, kTiny, 3}, imagenet_card(224, 0.9f)},
    {"focalnet_small_lrf", {96, kSmall, 3}, imagenet_card(224, 0.9f)},
    {"focalnet_base_lrf", {128, kSmall, 3}, imagenet_card(224, 0.9f)},
    {"focalnet_large_fl3", large(192, 3, 5), imagenet_card(384, 1)},
    {"focalnet_large_fl4", large(192, 4, 3), imagenet_card(384, 1)},
    {"focalnet_xlarge_fl3", large(256, 3, 5), imagenet_card(384, 1)},
    {"focalnet_xlarge_fl4", large(256, 4, 3), imagenet_card(384, 1)},
    {"focalnet_huge_fl3", huge(3), imagenet_card(224, 0.9f)},
    {"focalnet_huge_fl4", huge(4), imagenet_card(224, 0.9f)},
};

}  // namespace

std::vector<Model> models_of_focalnet() { return models_from<FocalNet>("focalnet", variants, focalnet); }

}  // namespace fovea
