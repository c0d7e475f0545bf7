// Transformer in Transformer (arXiv:2103.00112): the pixels of every patch look at each other, and tell their patch. Names
// follow timm.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/transformer.h"
#include "nn/windows.h"
#include "ops/biased_attention.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct TNT {
  int dim, inner, heads;
  bool legacy = false;  // patches are cut behind the first convolution; the norm of pixels is for each of them
};
constexpr int kDepth = 12, kInnerHeads = 4, kPatch = 16, kSide = 4;  // kSide: pixels of a patch, along each side
constexpr float kEps = 1e-5f;

Tensor dense(Scope s, Tensor x, int out, bool bias = true) {
  return linear(s, x, out, {.bias = bias, .init = truncated_normal});
}

Tensor attend(Scope s, Tensor x, int heads) {  // [n,t,c] -> same
  int c = x.c();
  Tensor qk = dense(s["qk"], x, 2 * c, false), q = split_heads(qk, 0, 2, heads);
  Tensor v = split_heads(dense(s["v"], x, c, false), 0, 1, heads);
  Tensor y = biased_attention(q, split_heads(qk, 1, 2, heads), v, attention_scale(q));
  return dense(s["proj"], reshape(y, x.shape()), c);
}

// [n,h,w,3] -> [n*patches,pixels,inner]
Tensor pixels(Scope s, Tensor x, const TNT& m) {
  Tensor position = s.param("pixel_pos", {1, kSide, kSide, m.inner}, trunc_normal(0.02f), {0, 3, 1, 2});
  auto cut = [](Tensor map, int side) { return reshape(to_windows(map, side), {-1, side, side, map.c()}); };
  auto embed = [&](Tensor map) { return conv(s["pixel_embed"]["proj"], map, m.inner, 7, {.stride = 4, .bias = true}); };
  x = m.legacy ? cut(embed(x), kSide) : embed(cut(x, kPatch));
  return reshape(x + position, {x.n(), kSide * kSide, m.inner});
}

Tensor block_pixels(Scope s, Tensor x, const TNT& m, float drop) {
  x = x + drop_path(s["attn_in"], attend(s["attn_in"], layer_norm(s["norm_in"], x, kEps), kInnerHeads), drop);
  return x + drop_path(s["mlp_in"], mlp(s["mlp_in"], layer_norm(s["norm_mlp_in"], x, kEps), 4 * m.inner), drop);
}

// What the pixels of a patch add to it.
Tensor told(Scope s, Tensor x, const Shape& patches, const TNT& m) {
  const Shape together{patches[0], patches[1] - 1, kSide * kSide * m.inner};
  if (m.legacy) return dense(s["proj"], reshape(layer_norm(s["norm1_proj"], x, kEps), together), m.dim);
  return layer_norm(s["norm2_proj"], dense(s["proj"], layer_norm(s["norm1_proj"], reshape(x, together), kEps), m.dim, false),
                    kEps);
}

Tensor block_patches(Scope s, Tensor x, Tensor news, const TNT& m, float drop) {
  x = x + pad(news, {0, 1, 0}, {0, 0, 0});  // nothing for the class token
  x = x + drop_path(s["attn_out"], attend(s["attn_out"], layer_norm(s["norm_out"], x, kEps), m.heads), drop);
  return s.out(x + drop_path(s["mlp"], mlp(s["mlp"], layer_norm(s["norm_mlp"], x, kEps), 4 * m.dim), drop));
}

Tensor tnt(Scope s, Tensor image, const TNT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  int n = image.n();
  Tensor inner = pixels(s, image, m);
  Tensor x = layer_norm(s["norm1_proj"], reshape(inner, {n, -1, kSide * kSide * m.inner}), kEps);
  x = layer_norm(s["norm2_proj"], dense(s["proj"], x, m.dim), kEps);
  Tensor both[] = {broadcast_to(s.param("cls_token", {1, 1, m.dim}, trunc_normal(0.02f)), {n, 1, m.dim}), x};
  x = concat(both, 1);
  x = x + s.param("patch_pos", {1, x.dim(1), m.dim}, trunc_normal(0.02f));
  for (int i = 0; i < kDepth; i++) {
    Scope at = s["blocks"][i];
    float drop = drop_rate(o.drop_path, i, kDepth);
    inner = block_pixels(at, inner, m, drop);
    x = block_patches(at, x, told(at, inner, x.shape(), m), m, drop);
  }
  x = reshape(slice(layer_norm(s["norm"], x, kEps), 1, 0, 1), {n, m.dim});
  return dense(s["head"], dropout(s["head"], x, o.drop), o.classes);
}

const Variant<TNT> variants[] = {{"tnt_s_legacy_patch16_224", {384, 24, 6, true}, half_card(224, 0.9f)},
                                 {"tnt_s_patch16_224", {384, 24, 6}, half_card(224, 0.9f)},
                                 {"tnt_b_patch16_224", {640, 40, 10}, half_card(224, 0.9f)}};

}  // namespace

std::vector<Model> models_of_tnt() { return models_from<TNT>("tnt", variants, tnt); }

}  // namespace fovea
