// GC ViT (arXiv:2206.09959): attention within windows, in every other block with queries that a convolutional branch made of
// the whole map, the same in all windows. Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/channel_attention.h"
#include "nn/transformer.h"
#include "nn/windows.h"
#include "ops/biased_attention.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

using Four = std::array<int, 4>;
struct GcViT {
  Four depths;
  int dim = 64, heads = 2;  // of the first stage, twice as many in each that follows
  int expand = 3;
  float layer_scale = 0;  // starting value; 0: none
};
constexpr float kEps = 1e-5f;
constexpr Four kWindows = {32, 32, 16, 32};  // the picture's side by the window's

Tensor mix(Scope s, Tensor x) {  // [n,h,w,c] -> same
  int c = x.c();
  Tensor y = gelu(conv(s["conv_dw"], x, c, 3, {.groups = c}));
  y = squeeze_excite(s["se"], y, {.hidden = round_channels(c / 4.0, 8, 0), .act = Act::gelu, .bias = false});
  return x + conv(s["conv_pw"], y, c, 1);
}

Tensor downsample(Scope s, Tensor x, int out) {  // [n,h,w,c] -> [n,h/2,w/2,out]
  x = mix(s["conv_block"], layer_norm(s["norm1"], x, kEps));
  return layer_norm(s["norm2"], conv(s["reduction"], x, out, 3, {.stride = 2}), kEps);
}

// The queries of a window from the whole map: [n,h,w,c] -> [n,window.h*window.w,c].
Tensor global_queries(Scope s, Tensor x, Pair window) {
  for (int i = 1; i == 1 || x.h() > window.h; i++) {
    x = mix(s["conv" + std::to_string(i)], x);
    if (x.h() > window.h) x = max_pool(x, 3, 2, 1);
  }
  return reshape(x, {x.n(), -1, x.c()});
}

Tensor attend(Scope s, Tensor t, Tensor queries, int heads, Pair window) {  // [n*windows,t,c] -> same
  int c = t.c(), parts = queries ? 2 : 3;
  Tensor table = s["rel_pos"].param("relative_position_bias_table", {(2 * window.h - 1) * (2 * window.w - 1), heads},
                                    trunc_normal(0.02f));
  Tensor qkv = linear(s["qkv"], t, parts * c), q;
  if (queries) {
    // As the reference does it, windows take the queries of all pictures in turn: alone, a picture has its own.
    int n = queries.n(), windows = t.n() / n;
    Tensor all = broadcast_to(reshape(queries, {1, n, t.dim(1), c}), {windows, n, t.dim(1), c});
    q = split_heads(reshape(all, t.shape()), 0, 1, heads);
  } else {
    q = split_heads(qkv, 0, 3, heads);
  }
  Tensor k = split_heads(qkv, parts - 2, parts, heads), v = split_heads(qkv, parts - 1, parts, heads);
  Tensor y = biased_attention(q, k, v, attention_scale(q), relative_bias(table, window));
  return linear(s["proj"], reshape(y, t.shape()), c);
}

Tensor block(Scope s, Tensor x, Tensor queries, int heads, Pair window, const GcViT& m, float drop) {  // [n,h,w,c] -> same
  auto branch = [&](const char* scale, Tensor y) {
    return drop_path(s[scale], m.layer_scale > 0 ? layer_scale(s[scale], y, "gamma", m.layer_scale) : y, drop);
  };
  Tensor y = to_windows(layer_norm(s["norm1"], x, kEps), window);
  x = x + branch("ls1", from_windows(attend(s["attn"], y, queries, heads, window), window, x.shape()));
  return s.out(x + branch("ls2", mlp(s["mlp"], layer_norm(s["norm2"], x, kEps), m.expand * x.c())));
}

Tensor gcvit(Scope s, Tensor x, const GcViT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  int height = x.h(), width = x.w();
  x = conv(s["stem"]["conv1"], x, m.dim, 3, {.stride = 2, .bias = true});
  x = downsample(s["stem"]["down"], x, m.dim);
  DropRamp drop(o.drop_path, m.depths);
  for (int i = 0; i < 4; i++) {
    Scope stage = s["stages"][i];
    auto at = static_cast<size_t>(i);
    Pair window(height / kWindows[at], width / kWindows[at]);
    if (i > 0) x = downsample(stage["downsample"], x, 2 * x.c());
    Tensor queries = global_queries(stage["global_block"]["blocks"], x, window);
    for (int j = 0; j < m.depths[at]; j++)
      x = block(stage["blocks"][j], x, j % 2 ? queries : Tensor{}, m.heads << i, window, m, drop.next());
  }
  x = s["stages"][3].feature(layer_norm(s["stages"][3]["norm"], x, kEps));
  return linear(s["head"]["fc"], dropout(s["head"], global_avg_pool(x), o.drop), o.classes);
}

constexpr Four kDeep = {3, 4, 19, 5};

const Variant<GcViT> variants[] = {
    {"gcvit_xxtiny", {{2, 2, 6, 2}}, imagenet_card()},
    {"gcvit_xtiny", {{3, 4, 6, 5}}, imagenet_card()},
    {"gcvit_tiny", {kDeep}, imagenet_card()},
    {"gcvit_small", {kDeep, 96, 3, 2, 1e-5f}, imagenet_card()},
    {"gcvit_base", {kDeep, 128, 4, 2, 1e-5f}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_gcvit() { return models_from<GcViT>("gcvit", variants, gcvit); }

}  // namespace fovea
