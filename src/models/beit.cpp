// BEiT (arXiv:2106.08254) and BEiT V2 (arXiv:2208.06366): Vision Transformers whose positions are biases in every layer.
// Names follow timm.
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

struct BEiT {
  int dim, depth, heads;
  float scale = 1e-5f;  // where layer scale starts
};
constexpr int kPatch = 16;

// For all pairs of tokens, a class token first: [1,heads,1+t,1+t]. The last three rows of the table are for it: as the query
// of patches, as their key, and as its own.
Tensor bias(Scope s, Pair map, int heads) {
  int pairs = (2 * map.h - 1) * (2 * map.w - 1), t = map.h * map.w;
  Tensor table = s.param("relative_position_bias_table", {pairs + 3, heads}, fill(0));
  auto special = [&](int i, int queries, int keys) {
    return broadcast_to(reshape(slice(table, 0, pairs + i, 1), {1, heads, 1, 1}), {1, heads, queries, keys});
  };
  Tensor first[] = {special(2, 1, 1), special(0, 1, t)};
  Tensor others[] = {special(1, t, 1), relative_bias(slice(table, 0, 0, pairs), map)};
  Tensor rows[] = {concat(first, 3), concat(others, 3)};
  return concat(rows, 2);
}

Tensor block(Scope s, Tensor x, Pair map, const BEiT& m, float drop) {  // [n,t,c] -> same
  SelfAttention attention{.bias = bias(s["attn"], map, m.heads), .form = QkvForm::no_key_bias};
  Tensor y = self_attention(s["attn"], layer_norm(s["norm1"], x), m.heads, attention);
  x = x + drop_path(s["attn"], layer_scale(s, y, "gamma_1", m.scale), drop);
  y = mlp(s["mlp"], layer_norm(s["norm2"], x), 4 * m.dim);
  return s.out(x + drop_path(s["mlp"], layer_scale(s, y, "gamma_2", m.scale), drop));
}

Tensor beit(Scope s, Tensor x, const BEiT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  Pair map(x.h() / kPatch, x.w() / kPatch);
  Tensor token = broadcast_to(s.param("cls_token", {1, 1, m.dim}, trunc_normal(0.02f)), {x.n(), 1, m.dim});
  Tensor both[] = {token, patch_embed(s["patch_embed"], x, m.dim, kPatch)};
  x = concat(both, 1);
  for (int i = 0; i < m.depth; i++) x = block(s["blocks"][i], x, map, m, drop_rate(o.drop_path, i, m.depth));
  x = reshape(reduce_mean(slice(x, 1, 1, x.dim(1) - 1), {1}), {x.n(), m.dim});
  x = dropout(s["head"], layer_norm(s["fc_norm"], x), o.drop);
  return linear(s["head"], x, o.classes, {.init = truncated_normal});
}

constexpr BEiT kBase{768, 12, 12}, kLarge{1024, 24, 16};

const Variant<BEiT> variants[] = {
    {"beit_base_patch16_224", {768, 12, 12, 0.1f}, half_card(224, 0.9f)},
    {"beit_base_patch16_384", {768, 12, 12, 0.1f}, half_card(384, 1)},
    {"beit_large_patch16_224", kLarge, half_card(224, 0.9f)},
    {"beit_large_patch16_384", kLarge, half_card(384, 1)},
    {"beit_large_patch16_512", kLarge, half_card(512, 1)},
    {"beitv2_base_patch16_224", kBase, imagenet_card(224, 0.9f)},
    {"beitv2_large_patch16_224", kLarge, imagenet_card(224, 0.95f)},
};

}  // namespace

std::vector<Model> models_of_beit() { return models_from<BEiT>("beit", variants, beit); }

}  // namespace fovea
