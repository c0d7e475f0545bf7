// Swin Transformer V2 (arXiv:2111.09883): attention by the angle between queries and keys, position biases from a small
// network over distances, norms after the layers. Names follow timm.
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
  int heads, window;                          // heads of the first stage, twice as many in each that follows
  std::array<int, 4> trained = {0, 0, 0, 0};  // windows that biases were trained for; 0: the same
};
constexpr float kEps = 1e-5f;

// 16 sigmoid(network(distance)): [1,heads,t,t].
Tensor bias(Scope s, Tensor x, Pair window, int heads, int trained) {
  auto unit = [&](int size) { return 8.0f / static_cast<float>((trained ? trained : size) - 1); };
  Tensor distances = log_distances(*x.graph, window, unit(window.h), unit(window.w)) / std::log(8.0f);
  Tensor table = linear(s[2], relu(linear(s[0], distances, 512)), heads, {.bias = false});
  return 16.0f * sigmoid(relative_bias(table, window));
}

Tensor attend(Scope s, Tensor t, int heads, Tensor bias) {  // [n,t,c] -> same
  int c = t.c();
  Tensor qkv = linear(s["qkv"], t, 3 * c, {.bias = false, .init = truncated_normal});
  Tensor shift[] = {s.param("q_bias", {c}, fill(0)), full(*t.graph, {c}, 0), s.param("v_bias", {c}, fill(0))};
  qkv = qkv + concat(shift, 0);
  Tensor y = cosine_attention(qkv, heads, s.param("logit_scale", {heads, 1, 1}, fill(std::log(10.0f))), bias);
  return linear(s["proj"], y, c, {.init = truncated_normal});
}

Tensor block(Scope s, Tensor x, int heads, int window, int shift, int trained, float drop) {  // [n,h,w,c] -> same
  WindowPlace place = place_window(x.shape(), window, shift);
  Scope attn = s["attn"];
  Tensor biases = bias(attn["cpb_mlp"], x, place.size, heads, trained), mask = shift_mask(x, place);
  if (mask) biases = biases + mask;
  Tensor y = in_windows(x, place, [&](Tensor t) { return attend(attn, t, heads, biases); });
  x = x + drop_path(attn, layer_norm(s["norm1"], y, kEps), drop);
  return s.out(x + drop_path(s["mlp"], layer_norm(s["norm2"], mlp(s["mlp"], x, 4 * x.c()), kEps), drop));
}

Tensor swin(Scope s, Tensor x, const SwinV2& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = conv(s["patch_embed"]["proj"], x, m.dim, 4, {.stride = 4, .pad = Padding::none, .bias = true});
  x = layer_norm(s["patch_embed"]["norm"], x, kEps);
  DropRamp drop(o.drop_path, m.depths);
  for (int i = 0; i < 4; i++) {
    Scope stage = s["layers"][i];
    if (i > 0) x = patch_merging(stage["downsample"], x, truncated_normal, true);
    int trained = m.trained[static_cast<size_t>(i)];
    for (int j = 0; j < m.depths[static_cast<size_t>(i)]; j++)
      x = block(stage["blocks"][j], x, m.heads << i, m.window, j % 2 ? m.window / 2 : 0, trained, drop.next());
  }
  x = dropout(s["head"], global_avg_pool(layer_norm(s["norm"], x, kEps)), o.drop);
  return linear(s["head"]["fc"], x, o.classes, {.init = truncated_normal});
}

using Four = std::array<int, 4>;
constexpr Four kTiny = {2, 2, 6, 2}, kSmall = {2, 2, 18, 2}, kTrained12 = {12, 12, 12, 6};
Card card(int size = 256, float crop = 0.9f) { return imagenet_card(size, crop); }

const Variant<SwinV2> variants[] = {
    {"swinv2_tiny_window8_256", {96, kTiny, 3, 8}, card()},
    {"swinv2_tiny_window16_256", {96, kTiny, 3, 16}, card()},
    {"swinv2_small_window8_256", {96, kSmall, 3, 8}, card()},
    {"swinv2_small_window16_256", {96, kSmall, 3, 16}, card()},
    {"swinv2_base_window8_256", {128, kSmall, 4, 8}, card()},
    {"swinv2_base_window16_256", {128, kSmall, 4, 16}, card()},
    {"swinv2_base_window12_192", {128, kSmall, 4, 12}, card(192)},
    {"swinv2_base_window12to16_192to256", {128, kSmall, 4, 16, kTrained12}, card()},
    {"swinv2_base_window12to24_192to384", {128, kSmall, 4, 24, kTrained12}, card(384, 1)},
    {"swinv2_large_window12_192", {192, kSmall, 6, 12}, card(192)},
    {"swinv2_large_window12to16_192to256", {192, kSmall, 6, 16, kTrained12}, card()},
    {"swinv2_large_window12to24_192to384", {192, kSmall, 6, 24, kTrained12}, card(384, 1)},
};

}  // namespace

std::vector<Model> models_of_swinv2() { return models_from<SwinV2>("swinv2", variants, swin); }

}  // namespace fovea
