// XCiT (arXiv:2106.09681): attention among channels, depthwise convolutions among pixels. Names follow timm.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/attention_forms.h"
#include "nn/transformer.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct XCiT {
  int patch, dim, depth, heads;
  float scale = 1;          // where layer scale starts
  bool tokens_norm = true;  // the norms of the last layers are for patches too
};

Tensor dense(Scope s, Tensor x, int out) { return linear(s, x, out, {.init = truncated_normal}); }

Tensor embed(Scope s, Tensor x, const XCiT& m) {  // [n,h,w,3] -> [n,h/patch,w/patch,dim]
  int layers = m.patch == 16 ? 4 : 3;
  for (int i = 0; i < layers; i++) {
    Scope at = s["proj"][2 * i];
    x = batch_norm(at[1], conv(at[0], x, m.dim >> (layers - 1 - i), 3, {.stride = 2}));
    if (i < layers - 1) x = gelu(x);
  }
  return x;
}

Tensor local(Scope s, Tensor x) {  // [n,h,w,c] -> same
  ConvOptions o{.groups = x.c(), .bias = true};
  return conv(s["conv2"], batch_norm(s["bn"], gelu(conv(s["conv1"], x, x.c(), 3, o))), x.c(), 3, o);
}

Tensor block(Scope s, Tensor x, const Shape& map, const XCiT& m, float drop) {  // [n,t,c] -> same
  auto add = [&](const char* layer, const char* scale, Tensor y) {
    x = x + drop_path(s[layer], layer_scale(s, y, scale, m.scale), drop);
  };
  add("attn", "gamma1", cross_covariance(s["attn"], layer_norm(s["norm1"], x), m.heads));
  add("local_mp", "gamma3", reshape(local(s["local_mp"], reshape(layer_norm(s["norm3"], x), map)), x.shape()));
  add("mlp", "gamma2", mlp(s["mlp"], layer_norm(s["norm2"], x), 4 * m.dim));
  return s.out(x);
}

// The first token looks at all. The others go the same way but for that, so what the reference adds twice counts twice.
Tensor class_block(Scope s, Tensor x, const XCiT& m) {  // [n,t,c] -> same
  auto first = [](Tensor t) { return slice(t, 1, 0, 1); };
  auto rest = [](Tensor t) { return slice(t, 1, 1, t.dim(1) - 1); };
  auto join = [](Tensor token, Tensor others) {
    Tensor parts[] = {token, others};
    return concat(parts, 1);
  };
  Tensor y = layer_norm(s["norm1"], x);
  x = x + layer_scale(s, join(class_attention(s["attn"], y, m.heads), rest(y)), "gamma1", m.scale);
  x = m.tokens_norm ? layer_norm(s["norm2"], x) : join(layer_norm(s["norm2"], first(x)), rest(x));
  Tensor token = layer_scale(s, mlp(s["mlp"], first(x), 4 * m.dim), "gamma2", m.scale);
  return s.out(x + join(token, rest(x)));
}

Tensor xcit(Scope s, Tensor x, const XCiT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = embed(s["patch_embed"], x, m);
  Shape map = x.shape();
  x = reshape(x + fourier_position(s["pos_embed"], x, m.dim), {map[0], -1, m.dim});
  for (int i = 0; i < m.depth; i++)
    x = s["blocks"][i].feature(block(s["blocks"][i], x, map, m, o.drop_path));  // the same rate everywhere
  Tensor parts[] = {broadcast_to(s.param("cls_token", {1, 1, m.dim}, trunc_normal(0.02f)), {x.n(), 1, m.dim}), x};
  x = concat(parts, 1);
  for (int i = 0; i < 2; i++) x = class_block(s["cls_attn_blocks"][i], x, m);
  x = reshape(slice(layer_norm(s["norm"], x), 1, 0, 1), {x.n(), m.dim});
  return dense(s["head"], dropout(s["head"], x, o.drop), o.classes);
}

XCiT nano(int patch) { return {patch, 128, 12, 4, 1, false}; }
XCiT tiny12(int patch) { return {patch, 192, 12, 4}; }
XCiT tiny24(int patch) { return {patch, 192, 24, 4, 1e-5f}; }
XCiT small12(int patch) { return {patch, 384, 12, 8}; }
XCiT small24(int patch) { return {patch, 384, 24, 8, 1e-5f}; }
XCiT medium(int patch) { return {patch, 512, 24, 8, 1e-5f}; }
XCiT large(int patch) { return {patch, 768, 24, 16, 1e-5f}; }
Card card(int size) { return imagenet_card(size, 1); }

const Variant<XCiT> variants[] = {
    {"xcit_nano_12_p16_224", nano(16), card(224)},     {"xcit_nano_12_p16_384", nano(16), card(384)},
    {"xcit_tiny_12_p16_224", tiny12(16), card(224)},   {"xcit_tiny_12_p16_384", tiny12(16), card(384)},
    {"xcit_tiny_24_p16_224", tiny24(16), card(224)},   {"xcit_tiny_24_p16_384", tiny24(16), card(384)},
    {"xcit_small_12_p16_224", small12(16), card(224)}, {"xcit_small_12_p16_384", small12(16), card(384)},
    {"xcit_small_24_p16_224", small24(16), card(224)}, {"xcit_small_24_p16_384", small24(16), card(384)},
    {"xcit_medium_24_p16_224", medium(16), card(224)}, {"xcit_medium_24_p16_384", medium(16), card(384)},
    {"xcit_large_24_p16_224", large(16), card(224)},   {"xcit_large_24_p16_384", large(16), card(384)},
    {"xcit_nano_12_p8_224", nano(8), card(224)},       {"xcit_nano_12_p8_384", nano(8), card(384)},
    {"xcit_tiny_12_p8_224", tiny12(8), card(224)},     {"xcit_tiny_12_p8_384", tiny12(8), card(384)},
    {"xcit_tiny_24_p8_224", tiny24(8), card(224)},     {"xcit_tiny_24_p8_384", tiny24(8), card(384)},
    {"xcit_small_12_p8_224", small12(8), card(224)},   {"xcit_small_12_p8_384", small12(8), card(384)},
    {"xcit_small_24_p8_224", small24(8), card(224)},   {"xcit_small_24_p8_384", small24(8), card(384)},
    {"xcit_medium_24_p8_224", medium(8), card(224)},   {"xcit_medium_24_p8_384", medium(8), card(384)},
    {"xcit_large_24_p8_224", large(8), card(224)},     {"xcit_large_24_p8_384", large(8), card(384)},
};

}  // namespace

std::vector<Model> models_of_xcit() { return models_from<XCiT>("xcit", variants, xcit); }

}  // namespace fovea
