// Swin Transformer (arXiv:2103.14030), and variants found by search (arXiv:2111.14725, "s3"). Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/transformer.h"
#include "nn/windows.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct Swin {
  int dim;
  std::array<int, 4> depths;
  int heads;  // of the first stage, twice as many in each that follows
  std::array<int, 4> windows = {7, 7, 7, 7};
};
constexpr float kEps = 1e-5f;

Tensor attend(Scope s, Tensor x, int heads, const WindowPlace& place) {  // [n,h,w,c] -> same
  Pair size = place.size;
  Tensor table = s.param("relative_position_bias_table", {(2 * size.h - 1) * (2 * size.w - 1), heads}, trunc_normal(0.02f));
  Tensor bias = relative_bias(table, size), mask = shift_mask(x, place);
  if (mask) bias = bias + mask;
  return in_windows(x, place, [&](Tensor t) { return self_attention(s, t, heads, {.bias = bias}); });
}

Tensor block(Scope s, Tensor x, int heads, const WindowPlace& place, float drop) {  // [n,h,w,c] -> same
  x = x + drop_path(s["attn"], attend(s["attn"], layer_norm(s["norm1"], x, kEps), heads, place), drop);
  return s.out(x + drop_path(s["mlp"], mlp(s["mlp"], layer_norm(s["norm2"], x, kEps), 4 * x.c()), drop));
}

Tensor swin(Scope s, Tensor x, const Swin& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = conv(s["patch_embed"]["proj"], x, m.dim, 4, {.stride = 4, .pad = Padding::none, .bias = true});
  x = layer_norm(s["patch_embed"]["norm"], x, kEps);
  DropRamp drop(o.drop_path, m.depths);
  for (int i = 0; i < 4; i++) {
    Scope stage = s["layers"][i];
    if (i > 0) x = patch_merging(stage["downsample"], x, truncated_normal);
    int window = m.windows[static_cast<size_t>(i)];
    for (int j = 0; j < m.depths[static_cast<size_t>(i)]; j++)
      x = block(stage["blocks"][j], x, m.heads << i, place_window(x.shape(), window, j % 2 ? window / 2 : 0), drop.next());
  }
  x = dropout(s["head"], global_avg_pool(layer_norm(s["norm"], x, kEps)), o.drop);
  return linear(s["head"]["fc"], x, o.classes, {.init = truncated_normal});
}

using Four = std::array<int, 4>;
constexpr Four kTiny = {2, 2, 6, 2}, kSmall = {2, 2, 18, 2}, kWindow12 = {12, 12, 12, 12};
Card card() { return imagenet_card(224, 0.9f); }

const Variant<Swin> variants[] = {
    {"swin_tiny_patch4_window7_224", {96, kTiny, 3}, card()},
    {"swin_small_patch4_window7_224", {96, kSmall, 3}, card()},
    {"swin_base_patch4_window7_224", {128, kSmall, 4}, card()},
    {"swin_base_patch4_window12_384", {128, kSmall, 4, kWindow12}, imagenet_card(384, 1)},
    {"swin_large_patch4_window7_224", {192, kSmall, 6}, card()},
    {"swin_large_patch4_window12_384", {192, kSmall, 6, kWindow12}, imagenet_card(384, 1)},
    {"swin_s3_tiny_224", {96, kTiny, 3, {7, 7, 14, 7}}, card()},
    {"swin_s3_small_224", {96, kSmall, 3, {14, 14, 14, 7}}, card()},
    {"swin_s3_base_224", {96, {2, 2, 30, 2}, 3, {7, 7, 14, 7}}, card()},
};

}  // namespace

std::vector<Model> models_of_swin() { return models_from<Swin>("swin", variants, swin); }

}  // namespace fovea
