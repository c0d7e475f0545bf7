// ConViT (arXiv:2103.10697): attention that begins as a convolution, by where patches lie, and learns how much to look at
// what they show. Names follow timm.
#include <cmath>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/transformer.h"
#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"
#include "ops/softmax.h"

namespace fovea {

namespace {

struct ConViT {
  int heads;  // of 48 channels each
};
constexpr int kDepth = 12, kLocal = 10;  // layers; those that know positions

// Of every patch from every other: columns, rows, their squares' sum. [t,t,3]
Tensor offsets(Graph& g, Pair map) {
  auto along = [&](int axis) {
    Tensor at = iota(g, {map.h, map.w}, axis);
    Tensor d = reshape(at, {1, -1}) - reshape(at, {-1, 1});
    return reshape(d, {d.n(), d.n(), 1});
  };
  Tensor x = along(1), y = along(0);
  Tensor all[] = {x, y, square(x) + square(y)};
  return concat(all, 2);
}

Tensor dense(Scope s, Tensor x, int out, bool bias) { return linear(s, x, out, {.bias = bias, .init = truncated_normal}); }

Tensor gated_attention(Scope s, Tensor x, Pair map, int heads) {  // [n,t,c] -> same
  int c = x.c();
  auto part = [&](Tensor y, int i, int parts) { return transpose(split_heads(y, i, parts, heads), {0, 2, 1, 3}); };
  Tensor qk = dense(s["qk"], x, 2 * c, false), q = part(qk, 0, 2);
  Tensor content = softmax(matmul(q * (1 / std::sqrt(static_cast<float>(q.c()))), part(qk, 1, 2), {.tb = true}));
  Tensor place = softmax(transpose(dense(s["pos_proj"], offsets(*x.graph, map), heads, true), {2, 0, 1}));  // [heads,t,t]
  Tensor gate = reshape(sigmoid(s.param("gating_param", {heads}, fill(1))), {heads, 1, 1});
  Tensor y = matmul((1.0f - gate) * content + gate * place, part(dense(s["v"], x, c, false), 0, 1));
  return dense(s["proj"], reshape(transpose(y, {0, 2, 1, 3}), x.shape()), c, true);
}

Tensor block(Scope s, Tensor x, Pair map, bool local, const ConViT& m, float drop) {  // [n,t,c] -> same
  Tensor y = layer_norm(s["norm1"], x);
  y = local ? gated_attention(s["attn"], y, map, m.heads) : self_attention(s["attn"], y, m.heads, {.qkv_bias = false});
  x = x + drop_path(s["attn"], y, drop);
  return s.out(x + drop_path(s["mlp"], mlp(s["mlp"], layer_norm(s["norm2"], x), 4 * x.c()), drop));
}

Tensor convit(Scope s, Tensor x, const ConViT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  Pair map(x.h() / 16, x.w() / 16);
  int c = 48 * m.heads;
  x = patch_embed(s["patch_embed"], x, c, 16);
  x = x + s.param("pos_embed", {1, x.dim(1), c}, trunc_normal(0.02f));
  for (int i = 0; i < kDepth; i++) {
    if (i == kLocal) {  // from here on all look at all, and the class token is among them
      Tensor both[] = {broadcast_to(s.param("cls_token", {1, 1, c}, trunc_normal(0.02f)), {x.n(), 1, c}), x};
      x = concat(both, 1);
    }
    x = block(s["blocks"][i], x, map, i < kLocal, m, drop_rate(o.drop_path, i, kDepth));
  }
  x = reshape(slice(layer_norm(s["norm"], x), 1, 0, 1), {x.n(), c});
  return dense(s["head"], dropout(s["head"], x, o.drop), o.classes, true);
}

const Variant<ConViT> variants[] = {
    {"convit_tiny", {4}, imagenet_card()}, {"convit_small", {9}, imagenet_card()}, {"convit_base", {16}, imagenet_card()}};

}  // namespace

std::vector<Model> models_of_convit() { return models_from<ConViT>("convit", variants, convit); }

}  // namespace fovea
