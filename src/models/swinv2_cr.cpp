// Swin Transformer V2 (arXiv:2111.09883) as reimplemented by Christoph Reich: windows that grow with the picture, position
// biases without a limit, further norms. Names follow timm.
#include <array>
#include <cmath>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/attention_forms.h"
#include "nn/transformer.h"
#include "nn/windows.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct SwinV2 {
  int dim;
  std::array<int, 4> depths;
  int heads;                // of the first stage, twice as many in each that follows
  bool stage_norm = false;  // a norm at the end of every stage, not only the last
  int norm_period = 0;      // and after every so many blocks; 0: none
};
constexpr float kEps = 1e-5f;
constexpr int kPatch = 4, kWindows = 8;  // windows along a side of the first stage

Tensor attend(Scope s, Tensor t, int heads, Tensor bias) {  // [n,t,c] -> same
  Tensor qkv = linear(s["qkv"], t, 3 * t.c());
  Tensor y = cosine_attention(qkv, heads, s.param("logit_scale", {heads}, fill(std::log(10.0f))), bias);
  return linear(s["proj"], y, t.c());
}

Tensor block(Scope s, Tensor x, int heads, const WindowPlace& place, bool further_norm, float drop) {  // [n,h,w,c] -> same
  Scope attn = s["attn"];
  Tensor biases = log_distance_bias(attn["meta_mlp"], *x.graph, place.size, 384, heads), mask = shift_mask(x, place);
  if (mask) biases = biases + mask;
  Tensor y = in_windows(x, place, [&](Tensor t) { return attend(attn, t, heads, biases); });
  x = x + drop_path(attn, layer_norm(s["norm1"], y, kEps), drop);
  x = x + drop_path(s["mlp"], layer_norm(s["norm2"], mlp(s["mlp"], x, 4 * x.c()), kEps), drop);
  return s.out(further_norm ? layer_norm(s["norm3"], x, kEps) : x);
}

Tensor swin(Scope s, Tensor x, const SwinV2& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  Scope embed = s["patch_embed"];
  x = conv(embed["proj"], x, m.dim, kPatch, {.stride = kPatch, .pad = Padding::none, .bias = true});
  x = layer_norm(embed["norm"], x, kEps);
  Pair window(x.h() / kWindows, x.w() / kWindows);
  DropRamp drop(o.drop_path, m.depths);
  for (int i = 0; i < 4; i++) {
    Scope stage = s["stages"][i];
    if (i > 0) x = patch_merging(stage["downsample"], x, fan_in_uniform);
    int depth = m.depths[static_cast<size_t>(i)];
    for (int j = 0; j < depth; j++) {
      Pair shift = j % 2 ? Pair(window.h / 2, window.w / 2) : Pair(0);
      bool last = j == depth - 1 && (i == 3 || m.stage_norm), due = m.norm_period && (j + 1) % m.norm_period == 0;
      x = block(stage["blocks"][j], x, m.heads << i, place_window(x.shape(), window, shift), last || due, drop.next());
    }
  }
  return linear(s["head"]["fc"], dropout(s["head"], global_avg_pool(x), o.drop), o.classes);
}

using Four = std::array<int, 4>;
constexpr Four kTiny = {2, 2, 6, 2}, kSmall = {2, 2, 18, 2}, kGiant = {2, 2, 42, 2};
Card small_card() { return imagenet_card(224, 0.9f); }
Card large_card(int size = 384) { return imagenet_card(size, 1); }

const Variant<SwinV2> variants[] = {
    {"swinv2_cr_tiny_384", {96, kTiny, 3}, large_card()},
    {"swinv2_cr_tiny_224", {96, kTiny, 3}, small_card()},
    {"swinv2_cr_tiny_ns_224", {96, kTiny, 3, true}, small_card()},
    {"swinv2_cr_small_384", {96, kSmall, 3}, large_card()},
    {"swinv2_cr_small_224", {96, kSmall, 3}, small_card()},
    {"swinv2_cr_small_ns_224", {96, kSmall, 3, true}, small_card()},
    {"swinv2_cr_small_ns_256", {96, kSmall, 3, true}, large_card(256)},
    {"swinv2_cr_base_384", {128, kSmall, 4}, large_card()},
    {"swinv2_cr_base_224", {128, kSmall, 4}, small_card()},
    {"swinv2_cr_base_ns_224", {128, kSmall, 4, true}, small_card()},
    {"swinv2_cr_large_384", {192, kSmall, 6}, large_card()},
    {"swinv2_cr_large_224", {192, kSmall, 6}, small_card()},
    {"swinv2_cr_huge_384", {352, kSmall, 11, false, 6}, large_card()},
    {"swinv2_cr_huge_224", {352, kSmall, 8, false, 6}, small_card()},
    {"swinv2_cr_giant_384", {512, kGiant, 16, false, 6}, large_card()},
    {"swinv2_cr_giant_224", {512, kGiant, 16, false, 6}, small_card()},
};

}  // namespace

std::vector<Model> models_of_swinv2_cr() { return models_from<SwinV2>("swinv2_cr", variants, swin); }

}  // namespace fovea
