// EViT (arXiv:2202.07800): a Vision Transformer that keeps, after three of its layers, only the patches that the class token
// looks at most; the others become one token. Names follow the authors'.
#include <cmath>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/attention_forms.h"
#include "nn/ranking.h"
#include "nn/transformer.h"
#include "ops/attention.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct EViT {
  int dim, heads;
  double keep;  // of the patches, each time
};
constexpr int kDepth = 12, kPatch = 16, kPeriod = 3;  // patches go in every third layer but the first
const LinearOptions kLinear{.init = truncated_normal};

// The patches of the highest scores, in their order, and the others' sum weighed by their scores.
Tensor shrink(Tensor x, Tensor scores, double keep) {  // [n,t,c] -> [n,kept+2,c]
  int patches = scores.c(), kept = static_cast<int>(std::ceil(keep * patches));
  if (kept >= patches) return x;
  Tensor rank = ranks(scores), rest = slice(x, 1, 1, patches);
  Tensor dropped = scores * greater(rank, static_cast<float>(kept) - 0.5f);
  Tensor parts[] = {slice(x, 1, 0, 1), matmul(pick_first(rank, kept), rest),
                    matmul(reshape(dropped, {x.n(), 1, patches}), rest)};
  return concat(parts, 1);
}

Tensor block(Scope s, Tensor x, const EViT& m, bool shrinks, float drop) {  // [n,t,c] -> same, or fewer tokens
  Tensor qkv = linear(s["attn"]["qkv"], layer_norm(s["norm1"], x), 3 * m.dim, kLinear);
  Tensor q = split_heads(qkv, 0, 3, m.heads), k = split_heads(qkv, 1, 3, m.heads), v = split_heads(qkv, 2, 3, m.heads);
  Tensor y = linear(s["attn"]["proj"], reshape(attention(q, k, v, attention_scale(q)), x.shape()), m.dim, kLinear);
  x = x + drop_path(s["attn"], y, drop);
  if (shrinks) x = shrink(x, slice(class_view(q, k), 1, 1, x.dim(1) - 1), m.keep);
  return s.out(x + drop_path(s["mlp"], mlp(s["mlp"], layer_norm(s["norm2"], x), 4 * m.dim), drop));
}

Tensor evit(Scope s, Tensor x, const EViT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  Tensor patches = patch_embed(s["patch_embed"], x, m.dim, kPatch);
  Tensor token = broadcast_to(s.param("cls_token", {1, 1, m.dim}, trunc_normal(0.02f)), {x.n(), 1, m.dim});
  Tensor both[] = {token, patches};
  x = concat(both, 1);
  x = x + s.param("pos_embed", {1, x.dim(1), m.dim}, trunc_normal(0.02f));
  for (int i = 0; i < kDepth; i++)
    x = block(s["blocks"][i], x, m, i > 0 && i % kPeriod == 0, drop_rate(o.drop_path, i, kDepth));
  x = reshape(layer_norm(s["norm"], slice(x, 1, 0, 1)), {x.n(), m.dim});
  return linear(s["head"], dropout(s["head"], x, o.drop), o.classes, kLinear);
}

Card card() { return imagenet_card(224, 0.875f); }

const Variant<EViT> variants[] = {
    {"evit_tiny_k05", {192, 3, 0.5}, card()},  {"evit_tiny_k06", {192, 3, 0.6}, card()},
    {"evit_tiny_k07", {192, 3, 0.7}, card()},  {"evit_tiny_k08", {192, 3, 0.8}, card()},
    {"evit_tiny_k09", {192, 3, 0.9}, card()},  {"evit_small_k05", {384, 6, 0.5}, card()},
    {"evit_small_k06", {384, 6, 0.6}, card()}, {"evit_small_k07", {384, 6, 0.7}, card()},
    {"evit_small_k08", {384, 6, 0.8}, card()}, {"evit_small_k09", {384, 6, 0.9}, card()},
    {"evit_base_k05", {768, 12, 0.5}, card()}, {"evit_base_k06", {768, 12, 0.6}, card()},
    {"evit_base_k07", {768, 12, 0.7}, card()}, {"evit_base_k08", {768, 12, 0.8}, card()},
    {"evit_base_k09", {768, 12, 0.9}, card()},
};

}  // namespace

std::vector<Model> models_of_evit() {
  std::vector<Model> r = models_from<EViT>("evit", variants, evit);
  for (Model& m : r) m.ranks = true;
  return r;
}

}  // namespace fovea
