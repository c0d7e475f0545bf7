// UniFormer (arXiv:2201.09450): pixels gather from their neighbourhood in two stages, by a 5x5 convolution, and from the
// whole map in two more, by attention. Names follow the authors'.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/transformer.h"
#include "nn/uniformer.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

using Four = std::array<int, 4>;
struct UniFormer {
  Four depths;
  int head = 64;             // channels of a head
  bool overlapping = false;  // maps are halved by 3x3 convolutions, not by patches
  float layer_scale = 0;     // starting value; 0: none
};
constexpr Four kDims = {64, 128, 320, 512};
constexpr int kExpand = 4;

Tensor block(Scope s, Tensor x, const UniFormer& m, float drop) {  // [n,h,w,c] -> same, with attention
  int c = x.c();
  auto scaled = [&](const char* name, Tensor y) { return m.layer_scale > 0 ? layer_scale(s, y, name, m.layer_scale) : y; };
  x = uniformer_place(s["pos_embed"], x);
  Tensor y = self_attention(s["attn"], reshape(layer_norm(s["norm1"], x), {x.n(), -1, c}), c / m.head);
  x = x + drop_path(s["attn"], scaled("gamma_1", reshape(y, x.shape())), drop);
  return s.out(x + drop_path(s["mlp"], scaled("gamma_2", mlp(s["mlp"], layer_norm(s["norm2"], x), kExpand * c)), drop));
}

Tensor embed(Scope s, Tensor x, size_t stage, const UniFormer& m) {  // [n,h,w,c] -> half the size, first: a quarter
  if (!m.overlapping) return uniformer_patches(s, x, kDims[stage], stage == 0 ? 4 : 2);
  if (stage == 0) return uniformer_stem(s, x, kDims[0]);
  return batch_norm(s["proj"][1], conv(s["proj"][0], x, kDims[stage], 3, {.stride = 2, .bias = true}));
}

Tensor uniformer(Scope s, Tensor x, const UniFormer& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 4; i++) {
    std::string number = std::to_string(i + 1);
    x = embed(s["patch_embed" + number], x, i, m);
    for (int j = 0; j < m.depths[i]; j++) {
      Scope at = s["blocks" + number][j];
      x = i < 2 ? uniformer_local(at, x, kExpand, drop.next(), m.layer_scale) : block(at, x, m, drop.next());
    }
  }
  x = global_avg_pool(batch_norm(s["norm"], x));
  return linear(s["head"], dropout(s["head"], x, o.drop), o.classes, {.init = truncated_normal});
}

constexpr Four kSmall = {3, 4, 8, 3}, kPlus = {3, 5, 9, 3}, kBase = {5, 8, 20, 7};
Card card() { return imagenet_card(224, 0.9f); }

const Variant<UniFormer> variants[] = {
    {"uniformer_small", {kSmall}, card()},
    {"uniformer_small_plus", {kPlus, 32, true}, card()},
    {"uniformer_small_plus_dim64", {kPlus, 64, true}, card()},
    {"uniformer_base", {kBase}, card()},
    {"uniformer_base_ls", {kBase, 64, false, 1e-6f}, card()},
};

}  // namespace

std::vector<Model> models_of_uniformer() { return models_from<UniFormer>("uniformer", variants, uniformer); }

}  // namespace fovea
