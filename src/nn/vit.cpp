#include "nn/vit.h"

#include <cmath>
#include <functional>

#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

std::vector<Tensor> vit_prefix(Scope s, int n, const ViT& m) {
  std::vector<Tensor> tokens;
  auto add = [&](const char* name, int count, float std) {
    tokens.push_back(broadcast_to(s.param(name, {1, count, m.dim}, normal(std)), {n, count, m.dim}));
  };
  if (m.class_token) add("cls_token", 1, 1e-6f);
  if (m.distilled) add("dist_token", 1, 0.02f);
  if (m.registers) add("reg_token", m.registers, 1e-6f);
  return tokens;
}

Tensor vit_embed(Scope s, Tensor patches, const ViT& m) {  // [n,h,w,c] -> [n,t,c]
  Tensor x = reshape(patches, {patches.n(), -1, m.dim});
  std::vector<Tensor> tokens = vit_prefix(s, x.n(), m);
  auto position = [&](Tensor t) {
    return m.position ? t + s.param("pos_embed", {1, t.dim(1), m.dim}, trunc_normal(0.02f)) : t;
  };
  tokens.push_back(m.bare_prefix ? position(x) : x);
  x = tokens.size() == 1 ? tokens[0] : concat(tokens, 1);
  return m.bare_prefix ? x : position(x);
}

static Tensor pooled(Scope s, Tensor x, const ViT& m) {  // [n,t,c] -> [n,c]
  if (m.pool == TokenPool::token) return reshape(slice(x, 1, 0, 1), {x.n(), m.dim});
  int skip = m.pool_prefix ? 0 : m.prefix();
  if (skip) x = slice(x, 1, skip, x.dim(1) - skip);
  if (m.pool == TokenPool::attention)
    return attention_pool(s["attn_pool"], x, {m.pool_heads ? m.pool_heads : m.heads, m.pool_hidden(), m.act, m.eps});
  x = reshape(reduce_mean(x, {1}), {x.n(), m.dim});
  return m.pool == TokenPool::average ? m.norm()(s["fc_norm"], x) : x;
}

static Tensor classify(Scope s, Tensor x, const ViTRates& r) {
  return linear(s, dropout(s, x, r.drop), r.classes, {.init = truncated_normal});
}

// The angles of every layer; those of mixed rotation are its own.
static std::function<Turns(int)> turns_of(Scope s, Pair map, const ViT& m) {
  const RotaryPlace place{map, m.prefix(), m.dim / m.heads};
  if (m.rotary.kind != RotaryKind::mixed) {
    Turns all = rotary_turns(s.graph(), m.rotary, place);
    return [all](int) { return all; };
  }
  Graph* g = &s.graph();
  Tensor speeds =
      s["rope"].param("freqs", {2, m.depth, m.heads, place.width / 2}, normal(1 / std::sqrt(m.rotary.temperature)));
  return [g, speeds, place, r = m.rotary](int layer) { return rotary_turns(*g, r, place, slice(speeds, 1, layer, 1)); };
}

Tensor vit_body(Scope s, Tensor x, Pair map, const ViT& m, const ViTRates& r) {  // [n,t,c] -> [n,classes]
  if (m.norm_first) x = m.norm()(s["norm_pre"], x);
  auto turns = turns_of(s, map, m);
  for (int i = 0; i < m.depth; i++) x = vit_block(s["blocks"][i], x, m, turns(i), i, drop_rate(r.drop_path, i, m.depth));
  if (m.norm_last && m.pool != TokenPool::average) x = m.norm()(s["norm"], x);
  Tensor y = classify(s["head"], pooled(s, x, m), r);
  if (!m.distilled) return y;
  return (y + classify(s["head_dist"], reshape(slice(x, 1, 1, 1), {x.n(), m.dim}), r)) * 0.5f;
}

Tensor vit(Scope s, Tensor image, const ViT& m, const ViTRates& r) {  // [n,h,w,3] -> [n,classes]
  ConvOptions o{.stride = m.patch, .pad = Padding::none, .bias = !m.norm_first};
  Tensor x = conv(s["patch_embed"]["proj"], image, m.dim, m.patch, o);
  if (m.norm_patches) x = m.norm()(s["patch_embed"]["norm"], x);
  return vit_body(s, vit_embed(s, x, m), {x.h(), x.w()}, m, r);
}

}  // namespace fovea
