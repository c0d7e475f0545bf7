// Twins (arXiv:2104.13840): PVT's attention with positions from convolutions (PCPVT), or attention within windows and of a
// coarser map in turn (SVT). Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/transformer.h"
#include "nn/windows.h"
#include "ops/attention.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

using Four = std::array<int, 4>;
struct Twins {
  Four depths, dims, heads, expand;
  bool windows;  // in every other block
};
constexpr Four kReduce = {8, 4, 2, 1};

Tensor dense(Scope s, Tensor x, int out) { return linear(s, x, out, {.init = truncated_normal}); }
Tensor patches(Scope s, Tensor x, int out, int size) {
  return conv(s, x, out, size, {.stride = size, .pad = Padding::none, .bias = true, .init = fan_out_normal});
}

Tensor coarse_attention(Scope s, Tensor x, int heads, int reduce) {  // [n,h,w,c] -> same
  int c = x.c(), n = x.n();
  Shape map = x.shape();
  Tensor q = split_heads(reshape(dense(s["q"], x, c), {n, -1, c}), 0, 1, heads);
  if (reduce > 1) x = layer_norm(s["norm"], patches(s["sr"], x, c, reduce), 1e-5f);
  Tensor kv = dense(s["kv"], reshape(x, {n, -1, c}), 2 * c);
  Tensor y = attention(q, split_heads(kv, 0, 2, heads), split_heads(kv, 1, 2, heads), attention_scale(q));
  return dense(s["proj"], reshape(y, map), c);
}

Tensor block(Scope s, Tensor x, size_t stage, bool windows, const Twins& m, float drop) {  // [n,h,w,c] -> same
  int heads = m.heads[stage];
  Tensor y = layer_norm(s["norm1"], x);
  y = windows ? in_windows(y, {7, 0}, [&](Tensor t) { return self_attention(s["attn"], t, heads); })
              : coarse_attention(s["attn"], y, heads, kReduce[stage]);
  x = x + drop_path(s["attn"], y, drop);
  return s.out(x + drop_path(s["mlp"], mlp(s["mlp"], layer_norm(s["norm2"], x), m.expand[stage] * x.c()), drop));
}

Tensor twins(Scope s, Tensor x, const Twins& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 4; i++) {
    int stage = static_cast<int>(i);
    x = layer_norm(s["patch_embeds"][stage]["norm"], patches(s["patch_embeds"][stage]["proj"], x, m.dims[i], i ? 2 : 4),
                   1e-5f);
    for (int j = 0; j < m.depths[i]; j++) {
      x = block(s["blocks"][stage][j], x, i, m.windows && j % 2 == 0, m, drop.next());
      ConvOptions position{.groups = x.c(), .bias = true, .init = fan_out_normal};
      if (j == 0) x = x + conv(s["pos_block"][stage]["proj"][0], x, x.c(), 3, position);
    }
  }
  x = global_avg_pool(layer_norm(s["norm"], x));
  return dense(s["head"], dropout(s["head"], x, o.drop), o.classes);
}

Twins pcpvt(const Four& depths) { return {depths, {64, 128, 320, 512}, {1, 2, 5, 8}, {8, 8, 4, 4}, false}; }
Twins svt(const Four& depths, int c) {
  int h = c / 32;
  return {depths, {c, 2 * c, 4 * c, 8 * c}, {h, 2 * h, 4 * h, 8 * h}, {4, 4, 4, 4}, true};
}

const Variant<Twins> variants[] = {
    {"twins_pcpvt_small", pcpvt({3, 4, 6, 3}), imagenet_card(224, 0.9f)},
    {"twins_pcpvt_base", pcpvt({3, 4, 18, 3}), imagenet_card(224, 0.9f)},
    {"twins_pcpvt_large", pcpvt({3, 8, 27, 3}), imagenet_card(224, 0.9f)},
    {"twins_svt_small", svt({2, 2, 10, 4}, 64), imagenet_card(224, 0.9f)},
    {"twins_svt_base", svt({2, 2, 18, 2}, 96), imagenet_card(224, 0.9f)},
    {"twins_svt_large", svt({2, 2, 18, 2}, 128), imagenet_card(224, 0.9f)},
};

}  // namespace

std::vector<Model> models_of_twins() { return models_from<Twins>("twins", variants, twins); }

}  // namespace fovea
