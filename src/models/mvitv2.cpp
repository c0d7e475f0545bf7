// MViTv2 (arXiv:2112.01526): queries, keys and values are pooled by convolutions, keys and values to a coarse map in early
// stages; a position bias for rows and one for columns; pooled queries join what attention finds. Names follow timm.
#include <algorithm>
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/transformer.h"
#include "ops/biased_attention.h"
#include "ops/conv2d.h"
#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

using Four = std::array<int, 4>;
struct MViT {
  Four depths;
  int dim = 96, heads = 1;  // of the first stage, twice as many in each that follows
  bool class_token = false;
  bool late = false;  // channels double at the end of a stage, in its MLP, not at the start of the next, in attention
};
const LinearOptions kLinear{.init = truncated_normal};

// Tokens of a map, maybe behind a class token.
struct Tokens {
  Tensor x;  // [n,prefix+h*w,c]
  int h, w, prefix;

  Tensor map() const { return reshape(slice(x, 1, prefix, h * w), {x.n(), h, w, x.c()}); }
  // The map replaced; the class token stays.
  Tokens with_map(Tensor map) const {
    Tensor rows = reshape(map, {map.n(), -1, map.c()});
    if (prefix) {
      Tensor both[] = {slice(x, 1, 0, prefix), rows};
      rows = concat(both, 1);
    }
    return {rows, map.h(), map.w(), prefix};
  }
  Tokens with(Tensor other) const { return {other, h, w, prefix}; }
};

// A depthwise convolution and a norm, the same for all heads. t.x: [n,t,c].
Tokens pool(Scope s, const char* name, const Tokens& t, int heads, int stride) {
  int c = t.x.c(), d = c / heads;
  Shape shape{d, 3, 3, 1};
  Tensor kernel = s[std::string("pool_") + name].param("weight", shape, fan_in_uniform(shape, d), {0, 3, 1, 2});
  kernel = reshape(broadcast_to(reshape(kernel, {1, d, 3, 3, 1}), {heads, d, 3, 3, 1}), {c, 3, 3, 1});
  Tokens y = t.with_map(conv2d(t.map(), kernel, {.stride = stride, .pad = 1, .groups = c}));
  Tensor normed = layer_norm(s[std::string("norm_") + name], reshape(y.x, {t.x.n(), -1, heads, d}));
  return y.with(reshape(normed, y.x.shape()));
}

// How well queries along one axis fit keys by where these lie from them: q [n,lines,along,heads,d], one table row for each
// difference of places -> [n,heads,lines,along,keys].
Tensor fit(Scope s, const char* name, Tensor q, int keys, int rows) {
  int n = q.n(), lines = q.dim(1), along = q.dim(2), heads = q.dim(3), d = q.c();
  Tensor table = s.param(name, {rows, d}, trunc_normal(0.02f));
  auto larger = [](int a, int b) { return a > b ? static_cast<float>(a) / static_cast<float>(b) : 1.0f; };
  float unit = larger(along, keys);
  Graph& g = *q.graph;
  Tensor difference = iota(g, {along, 1}, 0) * larger(keys, along) - iota(g, {1, keys}, 1) * unit;
  Tensor index = floor(difference + static_cast<float>(keys - 1) * unit);
  Tensor by_place = reshape(transpose(q, {2, 0, 1, 3, 4}), {along, n * lines * heads, d});
  Tensor y = matmul(by_place, gather(table, index), {.tb = true});  // [along, n*lines*heads, keys]
  return transpose(reshape(y, {along, n, lines, heads, keys}), {1, 3, 2, 0, 4});
}

Tensor position_bias(Scope s, const Tokens& q, const Tokens& k, int heads, int rows) {  // [n,heads,queries,keys]
  int n = q.x.n();
  Tensor map = reshape(q.map(), {n, q.h, q.w, heads, q.x.c() / heads});
  Tensor down = transpose(fit(s, "rel_pos_h", transpose(map, {0, 2, 1, 3, 4}), k.h, rows), {0, 1, 3, 2, 4});
  Tensor right = fit(s, "rel_pos_w", map, k.w, rows);  // [n,heads,h,w,keys]
  Tensor both = reshape(down, {n, heads, q.h, q.w, k.h, 1}) + reshape(right, {n, heads, q.h, q.w, 1, k.w});
  both = reshape(both, {n, heads, q.h * q.w, k.h * k.w});
  return q.prefix ? pad(both, {0, 0, 1, 1}, {0, 0, 0, 0}) : both;
}

struct Strides {
  int q, kv;
};

Tokens attend(Scope s, const Tokens& t, int out, int heads, const Strides& stride) {
  Tensor qkv = linear(s["qkv"], t.x, 3 * out, kLinear);
  auto part = [&](int i) { return t.with(slice(qkv, 2, i * out, out)); };
  Tokens q = pool(s, "q", part(0), heads, stride.q), k = pool(s, "k", part(1), heads, stride.kv),
         v = pool(s, "v", part(2), heads, stride.kv);
  int rows = 2 * std::max(t.h / stride.q, t.h / stride.kv) - 1;
  auto split = [&](const Tokens& y) { return split_heads(y.x, 0, 1, heads); };
  float scale = attention_scale(split(q));
  Tensor y = biased_attention(split(q), split(k), split(v), scale, position_bias(s, q, k, heads, rows));
  return q.with(linear(s["proj"], reshape(y, q.x.shape()) + q.x, out, kLinear));
}

Tokens block(Scope s, const Tokens& t, int attended, int out, int heads, const Strides& stride, float drop) {
  Tokens normed = t.with(layer_norm(s["norm1"], t.x)), shortcut = t;
  if (attended != t.x.c()) shortcut = t.with(linear(s["shortcut_proj_attn"], normed.x, attended, kLinear));
  if (stride.q > 1) shortcut = shortcut.with_map(max_pool(shortcut.map(), stride.q + 1, stride.q, 1));
  Tokens y = attend(s["attn"], normed, attended, heads, stride);
  Tensor x = shortcut.x + drop_path(s["attn"], y.x, drop), narrow = layer_norm(s["norm2"], x);
  if (out != attended) x = linear(s["shortcut_proj_mlp"], narrow, out, kLinear);
  Scope mlp = s["mlp"];
  Tensor wide = gelu(linear(mlp["fc1"], narrow, 4 * attended, kLinear));
  return y.with(s.out(x + drop_path(mlp, linear(mlp["fc2"], wide, out, kLinear), drop)));
}

Tensor mvit(Scope s, Tensor x, const MViT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = conv(s["patch_embed"]["proj"], x, m.dim, 7, {.stride = 4, .bias = true});
  Tokens t{reshape(x, {x.n(), -1, m.dim}), x.h(), x.w(), m.class_token ? 1 : 0};
  if (m.class_token) {
    Tensor token = broadcast_to(s.param("cls_token", {1, 1, m.dim}, trunc_normal(0.02f)), {x.n(), 1, m.dim});
    Tensor both[] = {token, t.x};
    t.x = concat(both, 1);
  }
  DropRamp drop(o.drop_path, m.depths);
  for (int i = 0; i < 4; i++) {
    int depth = m.depths[static_cast<size_t>(i)], dim = m.dim << i, coarse = i < 2 ? 4 >> i : 1;
    for (int j = 0; j < depth; j++) {
      int out = m.late && j == depth - 1 && i < 3 ? 2 * dim : dim;
      t = block(s["stages"][i]["blocks"][j], t, dim, out, m.heads << i, {i > 0 && j == 0 ? 2 : 1, coarse}, drop.next());
    }
  }
  x = layer_norm(s["norm"], t.x);
  x = m.class_token ? slice(x, 1, 0, 1) : reduce_mean(x, {1});
  x = dropout(s["head"], reshape(x, {x.n(), x.c()}), o.drop);
  return linear(s["head"]["fc"], x, o.classes, kLinear);
}

constexpr Four kSmall = {1, 2, 11, 2}, kBase = {2, 3, 16, 3}, kLarge = {2, 6, 36, 4};
Card card() { return imagenet_card(224, 0.9f); }

const Variant<MViT> variants[] = {
    {"mvitv2_tiny", {{1, 2, 5, 2}}, card()},
    {"mvitv2_small", {kSmall}, card()},
    {"mvitv2_base", {kBase}, card()},
    {"mvitv2_large", {kLarge, 144, 2, false, true}, card()},
    {"mvitv2_small_cls", {kSmall, 96, 1, true}, card()},
    {"mvitv2_base_cls", {kBase, 96, 1, true}, card()},
    {"mvitv2_large_cls", {kLarge, 144, 2, true}, card()},
    {"mvitv2_huge_cls", {{4, 8, 60, 8}, 192, 3, true}, card()},
};

}  // namespace

std::vector<Model> models_of_mvitv2() { return models_from<MViT>("mvitv2", variants, mvit); }

}  // namespace fovea
