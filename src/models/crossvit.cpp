// CrossViT (arXiv:2103.14899): two transformers on patches of two sizes; the class token of each reads the patches of the
// other. Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/attention_forms.h"
#include "nn/resize.h"
#include "nn/transformer.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct CrossViT {
  int dim;  // of the small patches; twice as many channels for large ones
  int depth, heads;
  int mlp_ratio = 4;
  bool convolutions = false;  // three of them make patches
  double coarse = 14.0 / 15;  // size of the picture that is cut into large patches
};
using Branches = std::array<Tensor, 2>;
constexpr std::array<int, 2> kPatch = {12, 16};
constexpr int kStages = 3;

Tensor dense(Scope s, Tensor x, int out) { return linear(s, x, out, {.init = truncated_normal}); }
Tensor first(Tensor x) { return slice(x, 1, 0, 1); }
Tensor with_first(Tensor token, Tensor x) {
  Tensor both[] = {token, slice(x, 1, 1, x.dim(1) - 1)};
  return concat(both, 1);
}

Tensor patches(Scope s, Tensor x, int dim, int patch, const CrossViT& m) {  // [n,h,w,3] -> [n,t,dim]
  if (!m.convolutions) return patch_embed(s, x, dim, patch);
  s = s["proj"];
  x = relu(conv(s[0], x, dim / 4, 7, {.stride = 4, .bias = true}));
  bool fine = patch == 12;
  ConvOptions second{.stride = fine ? 3 : 2, .pad = fine ? Padding::none : Padding::centred, .bias = true};
  x = relu(conv(s[2], x, dim / 2, 3, second));
  x = conv(s[4], x, dim, 3, {.stride = fine ? 1 : 2, .bias = true});
  return reshape(x, {x.n(), -1, dim});
}

Tensor embed(Scope s, Tensor x, int i, int dim, const CrossViT& m) {  // [n,h,w,3] -> [n,1+t,dim]
  std::string branch = std::to_string(i);
  Tensor token = s.param("cls_token_" + branch, {1, 1, dim}, trunc_normal(0.02f));
  Tensor both[] = {broadcast_to(token, {x.n(), 1, dim}),
                   patches(s["patch_embed"][i], x, dim, kPatch[static_cast<size_t>(i)], m)};
  x = concat(both, 1);
  return x + s.param("pos_embed_" + branch, {1, x.dim(1), dim}, trunc_normal(0.02f));
}

Branches stage(Scope s, Branches x, const CrossViT& m, int index, float drop_path_rate) {
  auto rate = [&](int i) { return drop_rate(drop_path_rate, index * m.depth + i, kStages * m.depth); };
  for (int b = 0; b < 2; b++) {
    Tensor& y = x[static_cast<size_t>(b)];
    for (int i = 0; i < (b == 0 ? 1 : m.depth); i++)
      y = transformer_block(s["blocks"][b][i], y, {m.heads, m.mlp_ratio * y.c()}, rate(i));
  }
  Branches out;
  for (int b = 0; b < 2; b++) {
    Tensor own = x[static_cast<size_t>(b)], other = x[static_cast<size_t>(1 - b)];
    auto translate = [&](Scope at, Tensor t, int c) { return dense(at[2], gelu(layer_norm(at[0], t)), c); };
    Tensor token = translate(s["projs"][b], first(own), other.c());
    Scope fusion = s["fusion"][b];
    Tensor y = class_attention(fusion["attn"], layer_norm(fusion["norm1"], with_first(token, other)), m.heads, "w");
    token = token + drop_path(fusion["attn"], y, rate(m.depth - 1));
    out[static_cast<size_t>(b)] = s["revert_projs"][b].out(with_first(translate(s["revert_projs"][b], token, own.c()), own));
  }
  return out;
}

Tensor crossvit(Scope s, Tensor x, const CrossViT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  auto coarse = [&](int size) { return static_cast<int>(size * m.coarse); };
  Branches y = {embed(s, x, 0, m.dim, m), embed(s, resize_bicubic(x, coarse(x.h()), coarse(x.w())), 1, 2 * m.dim, m)};
  for (int i = 0; i < kStages; i++) y = stage(s["blocks"][i], y, m, i, o.drop_path);
  auto head = [&](int b) {
    Tensor t = layer_norm(s["norm"][b], first(y[static_cast<size_t>(b)]));
    Scope at = s["head"][b];
    return dense(at, dropout(at, reshape(t, {t.n(), t.c()}), o.drop), o.classes);
  };
  return (head(0) + head(1)) * 0.5f;
}

CrossViT dagger(CrossViT m) { return m.convolutions = true, m; }
CrossViT finer(CrossViT m) { return m.coarse = 16.0 / 17, m; }
constexpr CrossViT k9{128, 3, 4, 3}, k15{192, 5, 6, 3}, k18{224, 6, 7, 3};
Card card(int size = 240, float crop = 0.875f) { return imagenet_card(size, crop); }

const Variant<CrossViT> variants[] = {
    {"crossvit_tiny_240", {96, 4, 3}, card()},
    {"crossvit_small_240", {192, 4, 6}, card()},
    {"crossvit_base_240", {384, 4, 12}, card()},
    {"crossvit_9_240", k9, card()},
    {"crossvit_15_240", k15, card()},
    {"crossvit_18_240", k18, card()},
    {"crossvit_9_dagger_240", dagger(k9), card()},
    {"crossvit_15_dagger_240", dagger(k15), card()},
    {"crossvit_15_dagger_408", finer(dagger(k15)), card(408, 1)},
    {"crossvit_18_dagger_240", dagger(k18), card()},
    {"crossvit_18_dagger_408", finer(dagger(k18)), card(408, 1)},
};

}  // namespace

std::vector<Model> models_of_crossvit() { return models_from<CrossViT>("crossvit", variants, crossvit); }

}  // namespace fovea
