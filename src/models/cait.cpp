// CaiT (arXiv:2103.17239): patches among themselves, heads that talk to each other, and a class token that only reads them
// in the last layers. Names follow timm.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/attention_forms.h"
#include "nn/transformer.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"
#include "ops/softmax.h"

namespace fovea {

namespace {

struct CaiT {
  int dim, depth;
  float scale = 1e-5f;  // where layer scale starts
};

Tensor dense(Scope s, Tensor x, int out) { return linear(s, x, out, {.init = truncated_normal}); }

Tensor talking_heads(Scope s, Tensor x, int heads) {  // [n,t,c] -> same
  Tensor qkv = dense(s["qkv"], x, 3 * x.c());
  auto part = [&](int i) { return transpose(split_heads(qkv, i, 3, heads), {0, 2, 1, 3}); };  // [n,h,t,d]
  auto talk = [&](const char* name, Tensor t) {
    return transpose(dense(s[name], transpose(t, {0, 2, 3, 1}), heads), {0, 3, 1, 2});
  };
  Tensor q = part(0), scores = matmul(q * attention_scale(q), part(1), {.tb = true});
  scores = talk("proj_w", softmax(talk("proj_l", scores)));
  return dense(s["proj"], reshape(transpose(matmul(scores, part(2)), {0, 2, 1, 3}), x.shape()), x.c());
}

Tensor feed_forward(Scope s, Tensor x, const CaiT& m, float drop) {
  Tensor y = mlp(s["mlp"], layer_norm(s["norm2"], x), 4 * x.c());
  return s.out(x + drop_path(s["mlp"], layer_scale(s, y, "gamma_2", m.scale), drop));
}

Tensor block(Scope s, Tensor x, const CaiT& m, float drop) {  // [n,t,c] -> same
  Tensor y = talking_heads(s["attn"], layer_norm(s["norm1"], x), m.dim / 48);
  return feed_forward(s, x + drop_path(s["attn"], layer_scale(s, y, "gamma_1", m.scale), drop), m, drop);
}

Tensor class_block(Scope s, Tensor token, Tensor x, const CaiT& m) {  // [n,1,c], [n,t,c] -> [n,1,c]
  Tensor both[] = {token, x};
  Tensor y = class_attention(s["attn"], layer_norm(s["norm1"], concat(both, 1)), m.dim / 48);
  return feed_forward(s, token + layer_scale(s, y, "gamma_1", m.scale), m, 0);
}

Tensor cait(Scope s, Tensor x, const CaiT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = patch_embed(s["patch_embed"], x, m.dim, 16);
  x = x + s.param("pos_embed", {1, x.dim(1), m.dim}, trunc_normal(0.02f));
  for (int i = 0; i < m.depth; i++) x = block(s["blocks"][i], x, m, o.drop_path);  // the same rate everywhere
  Tensor token = broadcast_to(s.param("cls_token", {1, 1, m.dim}, trunc_normal(0.02f)), {x.n(), 1, m.dim});
  for (int i = 0; i < 2; i++) token = class_block(s["blocks_token_only"][i], token, x, m);
  x = reshape(layer_norm(s["norm"], token), {x.n(), m.dim});
  return dense(s["head"], dropout(s["head"], x, o.drop), o.classes);
}

const Variant<CaiT> variants[] = {
    {"cait_xxs24_224", {192, 24}, imagenet_card(224, 1)},      {"cait_xxs24_384", {192, 24}, imagenet_card(384, 1)},
    {"cait_xxs36_224", {192, 36}, imagenet_card(224, 1)},      {"cait_xxs36_384", {192, 36}, imagenet_card(384, 1)},
    {"cait_xs24_384", {288, 24}, imagenet_card(384, 1)},       {"cait_s24_224", {384, 24}, imagenet_card(224, 1)},
    {"cait_s24_384", {384, 24}, imagenet_card(384, 1)},        {"cait_s36_384", {384, 36, 1e-6f}, imagenet_card(384, 1)},
    {"cait_m36_384", {768, 36, 1e-6f}, imagenet_card(384, 1)}, {"cait_m48_448", {768, 48, 1e-6f}, imagenet_card(448, 1)},
};

}  // namespace

std::vector<Model> models_of_cait() { return models_from<CaiT>("cait", variants, cait); }

}  // namespace fovea
