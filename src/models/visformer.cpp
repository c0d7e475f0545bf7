// Visformer (arXiv:2104.12533): grouped convolutions in the first stage, attention in the others; and the steps of the way
// from a Vision Transformer to a convolutional network on which it was found (net1 to net7). Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/transformer.h"
#include "ops/attention.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

using Three = std::array<int, 3>;
struct Visformer {
  int stem, dim, heads;  // dim: of the second stage; stem 0: patches of 16 pixels, no other stage
  Three depths;
  Three attention = {0, 1, 1}, spatial = {1, 0, 0};  // which stages have attention, and MLPs with a 3x3 convolution
  bool wide = true;                                  // these: twice as wide in 8 groups, else 5/6 as wide in one
  bool embed_norm = true, positions = true, layer_norm = false;
};

Tensor norm(Scope s, Tensor x, const Visformer& m) { return m.layer_norm ? layer_norm(s, x, 1e-5f) : batch_norm(s, x); }

Tensor plain(Scope s, Tensor x, int out, int window = 1, int groups = 1) {
  return conv(s, x, out, window, {.groups = groups, .init = fan_out_normal});
}

Tensor attend(Scope s, Tensor x, int width, int heads) {  // [n,h,w,c] -> same
  Tensor qkv = reshape(plain(s["qkv"], x, 3 * width), {x.n(), -1, 3 * width});
  Tensor q = split_heads(qkv, 0, 3, heads), k = split_heads(qkv, 1, 3, heads), v = split_heads(qkv, 2, 3, heads);
  Tensor y = attention(q, k, v, attention_scale(q));
  return plain(s["proj"], reshape(y, {x.n(), x.h(), x.w(), width}), x.c());
}

Tensor block(Scope s, Tensor x, size_t stage, const Visformer& m, float drop) {  // [n,h,w,c] -> same
  int c = x.c(), hidden = !m.spatial[stage] ? 4 * c : m.wide ? 2 * c : c * 5 / 6;
  if (m.attention[stage]) {
    Scope at = s["attn"];
    x = x + drop_path(at, attend(at, norm(s["norm1"], x, m), stage == 0 ? c / 2 : c, m.heads), drop);
  }
  Scope mlp = s["mlp"];
  Tensor y = gelu(plain(mlp["conv1"], norm(s["norm2"], x, m), hidden));
  if (m.spatial[stage]) y = gelu(plain(mlp["conv2"], y, hidden, 3, m.wide ? 8 : 1));
  return s.out(x + drop_path(mlp, plain(mlp["conv3"], y, c), drop));
}

Tensor embed(Scope s, Tensor x, int stage, int out, int patch, const Visformer& m) {  // [n,h,w,c] -> [n,h/patch,w/patch,out]
  std::string number = std::to_string(stage + 1);
  Scope at = s["patch_embed" + number];
  x = conv(at["proj"], x, out, patch, {.stride = patch, .pad = Padding::none, .bias = true, .init = fan_out_normal});
  if (m.embed_norm) x = norm(at["norm"], x, m);
  if (!m.positions) return x;
  return x + s.param("pos_embed" + number, {1, x.h(), x.w(), out}, trunc_normal(0.02f), {0, 3, 1, 2});
}

Tensor visformer(Scope s, Tensor x, const Visformer& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  if (m.stem) {
    x = conv(s["stem"][0], x, m.stem, 7, {.stride = 2, .init = fan_out_normal});
    x = relu(batch_norm(s["stem"][1], x));
  }
  DropRamp drop(o.drop_path, m.depths);
  for (int i = 0; i < 3; i++) {
    if (m.stem)
      x = embed(s, x, i, m.dim / 2 << i, i == 0 ? 4 : 2, m);
    else if (i == 0)
      x = embed(s, x, 0, m.dim, 16, m);
    auto stage = static_cast<size_t>(i);
    for (int j = 0; j < m.depths[stage]; j++) x = block(s["stage" + std::to_string(i + 1)][j], x, stage, m, drop.next());
  }
  x = global_avg_pool(norm(s["norm"], x, m));
  return linear(s["head"], dropout(s["head"], x, o.drop), o.classes, {.init = truncated_normal});
}

Visformer net(int stem, const Three& depths, bool layer_norm) {
  return {.stem = stem,
          .dim = 384,
          .heads = 6,
          .depths = depths,
          .attention = {1, 1, 1},
          .spatial = {0, 0, 0},
          .wide = false,
          .embed_norm = false,
          .layer_norm = layer_norm};
}
Visformer convolved(Visformer m) { return m.spatial = {1, 1, 1}, m; }
Visformer placeless(Visformer m) { return m.positions = false, m; }
Visformer blind(Visformer m) { return m.attention = {0, 0, 0}, m; }

constexpr Three kDepths = {7, 4, 4}, kFours = {4, 4, 4};
Card card() { return imagenet_card(224, 0.9f); }

const Variant<Visformer> variants[] = {
    {"visformer_tiny", {16, 192, 3, kDepths}, card()},
    {"visformer_small", {32, 384, 6, kDepths}, card()},
    {"visformer_net1", net(0, {0, 12, 0}, true), card()},
    {"visformer_net2", net(32, {0, 12, 0}, true), card()},
    {"visformer_net3", net(32, kFours, true), card()},
    {"visformer_net4", net(32, kFours, false), card()},
    {"visformer_net5", convolved(net(32, kFours, false)), card()},
    {"visformer_net6", placeless(convolved(net(32, kFours, false))), card()},
    {"visformer_net7", blind(placeless(convolved(net(32, {6, 7, 7}, false)))), card()},
};

}  // namespace

std::vector<Model> models_of_visformer() {
  std::vector<Model> r = models_from<Visformer>("visformer", variants, visformer);
  for (Model& m : r) m.renames = {{"*.bn.*", "*.*"}, {"*.ln.*", "*.*"}};  // the authors'
  return r;
}

}  // namespace fovea
