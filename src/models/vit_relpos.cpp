// Vision Transformers without positions of their own: every pair of patches has a bias by where they lie from each other,
// made by a small network (arXiv:2111.09883). Names follow timm.
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

struct RelPosViT {
  int patch, dim, heads;
  bool qkv_bias = false;
  bool norm_last = true;   // averaged patches are normed, not the patches
  int hidden = 128;        // of the network
  bool shared = false;     // one bias for all layers
  bool post_norm = false;  // norms after the layers, no layer scale
  bool class_token = false;
  bool class_pool = false;  // it is what is classified
};
constexpr int kDepth = 12;

Tensor bias(Scope s, Tensor x, Pair map, const RelPosViT& m) {  // [1,heads,t,t], nothing for a class token
  Tensor y = log_distance_bias(s["mlp"], *x.graph, map, m.hidden, m.heads);
  return m.class_token ? pad(y, {0, 0, 1, 1}, {0, 0, 0, 0}) : y;
}

Tensor block(Scope s, Tensor x, Pair map, Tensor shared, const RelPosViT& m, float drop) {  // [n,t,c] -> same
  auto before = [&](const char* name, Tensor t) { return m.post_norm ? t : layer_norm(s[name], t); };
  auto after = [&](const char* name, const char* scale, Tensor t) {
    return drop_path(s[scale], m.post_norm ? layer_norm(s[name], t) : layer_scale(s[scale], t, "gamma", 1e-6f), drop);
  };
  SelfAttention attention{.qkv_bias = m.qkv_bias, .bias = shared};
  if (!m.shared) attention.bias = bias(s["attn"]["rel_pos"], x, map, m);
  x = x + after("norm1", "ls1", self_attention(s["attn"], before("norm1", x), m.heads, attention));
  return s.out(x + after("norm2", "ls2", mlp(s["mlp"], before("norm2", x), 4 * m.dim)));
}

Tensor vit(Scope s, Tensor x, const RelPosViT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  Pair map(x.h() / m.patch, x.w() / m.patch);
  x = patch_embed(s["patch_embed"], x, m.dim, m.patch);
  if (m.class_token) {
    Tensor token = broadcast_to(s.param("cls_token", {1, 1, m.dim}, normal(1e-6f)), {x.n(), 1, m.dim});
    Tensor both[] = {token, x};
    x = concat(both, 1);
  }
  Tensor shared = m.shared ? bias(s["shared_rel_pos"], x, map, m) : Tensor{};
  for (int i = 0; i < kDepth; i++) x = block(s["blocks"][i], x, map, shared, m, drop_rate(o.drop_path, i, kDepth));
  if (!m.norm_last) x = layer_norm(s["norm"], x);
  int prefix = m.class_token ? 1 : 0;
  x = m.class_pool ? slice(x, 1, 0, 1) : reduce_mean(slice(x, 1, prefix, x.dim(1) - prefix), {1});
  x = reshape(x, {x.n(), m.dim});
  if (m.norm_last) x = layer_norm(s["fc_norm"], x);
  return linear(s["head"], dropout(s["head"], x, o.drop), o.classes, {.init = truncated_normal});
}

RelPosViT sized(int dim) { return {16, dim, dim / 64}; }
RelPosViT plus(int patch) { return {.patch = patch, .dim = 896, .heads = 14, .qkv_bias = true, .norm_last = false}; }
RelPosViT plain(int dim) { return {.patch = 16, .dim = dim, .heads = dim / 64, .norm_last = false}; }
RelPosViT shared(int dim) {
  RelPosViT m = plain(dim);
  return m.hidden = dim, m.shared = true, m;
}
RelPosViT post(RelPosViT m) { return m.post_norm = true, m; }
RelPosViT with_class(RelPosViT m, bool pool) { return m.class_token = true, m.class_pool = pool, m; }
RelPosViT narrow(RelPosViT m) { return m.hidden = 256, m; }
Card card(int size = 224) { return half_card(size, 0.9f); }

const Variant<RelPosViT> variants[] = {
    {"vit_relpos_base_patch32_plus_rpn_256", post(plus(32)), card(256)},
    {"vit_relpos_base_patch16_plus_240", plus(16), card(240)},
    {"vit_relpos_small_patch16_224", sized(384), card()},
    {"vit_relpos_medium_patch16_224", sized(512), card()},
    {"vit_relpos_base_patch16_224", sized(768), card()},
    {"vit_srelpos_small_patch16_224", shared(384), card()},
    {"vit_srelpos_medium_patch16_224", shared(512), card()},
    {"vit_relpos_medium_patch16_cls_224", narrow(with_class(plain(512), true)), card()},
    {"vit_relpos_base_patch16_cls_224", with_class(plain(768), true), card()},
    {"vit_relpos_base_patch16_clsgap_224", with_class(sized(768), false), card()},
    {"vit_relpos_small_patch16_rpn_224", post(plain(384)), card()},
    {"vit_relpos_medium_patch16_rpn_224", post(plain(512)), card()},
    {"vit_relpos_base_patch16_rpn_224", post(plain(768)), card()},
};

}  // namespace

std::vector<Model> models_of_vit_relpos() { return models_from<RelPosViT>("vit_relpos", variants, vit); }

}  // namespace fovea
