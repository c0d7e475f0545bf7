// Pyramid Vision Transformer V2 (arXiv:2106.13797): keys and values from a coarser map. Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/resize.h"
#include "nn/transformer.h"
#include "ops/attention.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct PVT {
  std::array<int, 4> depths, dims = {64, 128, 320, 512};
  std::array<int, 4> expand = {8, 8, 4, 4};
  bool linear = false;  // keys and values from 7x7 pixels whatever the size of the map
};
constexpr std::array<int, 4> kHeads = {1, 2, 5, 8}, kReduce = {8, 4, 2, 1};

Tensor dense(Scope s, Tensor x, int out) { return linear(s, x, out, {.init = truncated_normal}); }
Tensor biased(Scope s, Tensor x, int out, int window, int stride, Padding pad, int groups = 1) {
  return conv(s, x, out, window, {.stride = stride, .pad = pad, .groups = groups, .bias = true, .init = fan_out_normal});
}

Tensor embed(Scope s, Tensor x, int out, int window, int stride) {
  return layer_norm(s["norm"], biased(s["proj"], x, out, window, stride, Padding::centred), 1e-5f);
}

Tensor attend(Scope s, Tensor x, int heads, int reduce, const PVT& m) {  // [n,h,w,c] -> same
  int c = x.c(), n = x.n();
  Tensor q = split_heads(reshape(dense(s["q"], x, c), {n, -1, c}), 0, 1, heads);
  if (m.linear) {
    x = gelu(layer_norm(s["norm"], biased(s["sr"], adaptive_avg_pool(x, 7, 7), c, 1, 1, Padding::none), 1e-5f));
  } else if (reduce > 1) {
    x = layer_norm(s["norm"], biased(s["sr"], x, c, reduce, reduce, Padding::none), 1e-5f);
  }
  Tensor kv = dense(s["kv"], reshape(x, {n, -1, c}), 2 * c);
  Tensor y = attention(q, split_heads(kv, 0, 2, heads), split_heads(kv, 1, 2, heads), attention_scale(q));
  return dense(s["proj"], reshape(y, {n, q.dim(1), c}), c);
}

Tensor feed_forward(Scope s, Tensor x, int hidden, const PVT& m) {
  Tensor y = dense(s["fc1"], x, hidden);
  if (m.linear) y = relu(y);
  return dense(s["fc2"], gelu(biased(s["dwconv"], y, hidden, 3, 1, Padding::centred, hidden)), x.c());
}

Tensor block(Scope s, Tensor x, size_t stage, const PVT& m, float drop) {  // [n,h,w,c] -> same
  Tensor y = attend(s["attn"], layer_norm(s["norm1"], x), kHeads[stage], kReduce[stage], m);
  x = x + drop_path(s["attn"], reshape(y, x.shape()), drop);
  return s.out(x + drop_path(s["mlp"], feed_forward(s["mlp"], layer_norm(s["norm2"], x), m.expand[stage] * x.c(), m), drop));
}

Tensor pvt(Scope s, Tensor x, const PVT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = embed(s["patch_embed"], x, m.dims[0], 7, 4);
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 4; i++) {
    Scope stage = s["stages"][static_cast<int>(i)];
    if (i > 0) x = embed(stage["downsample"], x, m.dims[i], 3, 2);
    for (int j = 0; j < m.depths[i]; j++) x = block(stage["blocks"][j], x, i, m, drop.next());
    x = stage.feature(layer_norm(stage["norm"], x));
  }
  return dense(s["head"], dropout(s["head"], global_avg_pool(x), o.drop), o.classes);
}

const Variant<PVT> variants[] = {
    {"pvt_v2_b0", {{2, 2, 2, 2}, {32, 64, 160, 256}}, imagenet_card(224, 0.9f)},
    {"pvt_v2_b1", {{2, 2, 2, 2}}, imagenet_card(224, 0.9f)},
    {"pvt_v2_b2", {{3, 4, 6, 3}}, imagenet_card(224, 0.9f)},
    {"pvt_v2_b3", {{3, 4, 18, 3}}, imagenet_card(224, 0.9f)},
    {"pvt_v2_b4", {{3, 8, 27, 3}}, imagenet_card(224, 0.9f)},
    {"pvt_v2_b5", {.depths = {3, 6, 40, 3}, .expand = {4, 4, 4, 4}}, imagenet_card(224, 0.9f)},
    {"pvt_v2_b2_li", {.depths = {3, 4, 6, 3}, .linear = true}, imagenet_card(224, 0.9f)},
};

}  // namespace

std::vector<Model> models_of_pvt_v2() { return models_from<PVT>("pvt_v2", variants, pvt); }

}  // namespace fovea
