// DaViT (arXiv:2204.03645): attention among the pixels of windows and among channels in turn; Florence-2's towers
// (arXiv:2311.06242). Names follow timm.
#include <array>
#include <cmath>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/transformer.h"
#include "nn/windows.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/softmax.h"

namespace fovea {

namespace {

struct DaViT {
  int dim;  // of the first stage, twice as many in each that follows
  std::array<int, 4> depths;
  bool florence = false;  // larger windows, overlapping patches, another attention among channels
};
constexpr float kEps = 1e-5f;

Tensor position(Scope s, Tensor x) {
  return x + conv(s["proj"], x, x.c(), 3, {.groups = x.c(), .bias = true, .init = truncated_normal});
}

// Channels of a head look at each other. The scores are between queries and keys, scaled by the number of pixels, or, in the
// paper's own way, between keys and values, which then weigh the queries.
Tensor among_channels(Scope s, Tensor x, int heads, bool florence) {  // [n,t,c] -> same
  Tensor qkv = linear(s["qkv"], x, 3 * x.c(), {.init = truncated_normal});
  auto part = [&](int i) { return transpose(split_heads(qkv, i, 3, heads), {0, 2, 1, 3}); };  // [n,h,t,d]
  Tensor left = part(florence ? 0 : 1), right = part(florence ? 1 : 2), weighed = part(florence ? 2 : 0);
  float scale = 1 / std::sqrt(static_cast<float>(florence ? x.dim(1) : left.c()));
  Tensor y = matmul(weighed, softmax(matmul(left * scale, right, {.ta = true})), {.tb = true});
  y = reshape(transpose(y, {0, 2, 1, 3}), x.shape());
  return linear(s["proj"], y, x.c(), {.init = truncated_normal});
}

Tensor block(Scope s, Tensor x, bool spatial, const DaViT& m, float drop) {  // [n,h,w,c] -> same
  int heads = x.c() / 32;
  x = position(s["cpe1"], x);
  Tensor y = layer_norm(s["norm1"], x, kEps);
  if (spatial)
    y = in_windows(y, {m.florence ? 12 : 7, 0}, [&](Tensor t) { return self_attention(s["attn"], t, heads); });
  else
    y = reshape(among_channels(s["attn"], reshape(y, {x.n(), -1, x.c()}), heads, m.florence), x.shape());
  x = position(s["cpe2"], x + drop_path(s["attn"], y, drop));
  return s.out(x + drop_path(s["mlp"], mlp(s["mlp"], layer_norm(s["norm2"], x, kEps), 4 * x.c()), drop));
}

Tensor downsample(Scope s, Tensor x, const DaViT& m) {  // [n,h,w,c] -> [n,h/2,w/2,2c]
  int out = 2 * x.c();
  x = layer_norm(s["norm"], x, kEps);
  ConvOptions o{.stride = 2, .bias = true, .init = truncated_normal};
  if (m.florence) return conv(s["conv"], x, out, 3, o);
  o.pad = Padding::none;
  return conv(s["conv"], pad(x, {0, 0, 0, 0}, {0, x.h() % 2, x.w() % 2, 0}), out, 2, o);
}

Tensor davit(Scope s, Tensor x, const DaViT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  auto missing = [](int size) { return (4 - size % 4) % 4; };
  x = pad(x, {0, 0, 0, 0}, {0, missing(x.h()), missing(x.w()), 0});
  x = conv(s["stem"]["conv"], x, m.dim, 7, {.stride = 4, .bias = true, .init = truncated_normal});
  x = layer_norm(s["stem"]["norm"], x, kEps);
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 4; i++) {
    Scope stage = s["stages"][static_cast<int>(i)];
    if (i > 0) x = downsample(stage["downsample"], x, m);
    for (int j = 0; j < m.depths[i]; j++) {
      Scope at = stage["blocks"][j];
      float rate = drop.next();
      x = block(m.florence ? at["spatial_block"] : at[0], x, true, m, rate);
      x = block(m.florence ? at["channel_block"] : at[1], x, false, m, rate);
    }
  }
  Scope head = s["head"];
  x = dropout(head, layer_norm(head["norm"], global_avg_pool(x), kEps), o.drop);
  return linear(head["fc"], x, o.classes, {.init = truncated_normal});
}

constexpr std::array<int, 4> kDepths = {1, 1, 9, 1};

const Variant<DaViT> variants[] = {
    {"davit_tiny", {96, {1, 1, 3, 1}}, imagenet_card(224, 0.95f)},
    {"davit_small", {96, kDepths}, imagenet_card(224, 0.95f)},
    {"davit_base", {128, kDepths}, imagenet_card(224, 0.95f)},
    {"davit_large", {192, kDepths}, imagenet_card(224, 0.95f)},
    {"davit_huge", {256, kDepths}, imagenet_card(224, 0.95f)},
    {"davit_giant", {384, {1, 1, 12, 3}}, imagenet_card(224, 0.95f)},
    {"davit_base_fl", {128, kDepths, true}, imagenet_card(768, 0.95f)},
    {"davit_huge_fl", {256, kDepths, true}, imagenet_card(768, 0.95f)},
};

}  // namespace

std::vector<Model> models_of_davit() { return models_from<DaViT>("davit", variants, davit); }

}  // namespace fovea
