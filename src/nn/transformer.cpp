#include "nn/transformer.h"

#include <array>
#include <cmath>

#include "ops/attention.h"
#include "ops/biased_attention.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

static const LinearOptions kLinear{.init = truncated_normal};

Tensor TokenNorm::operator()(Scope s, Tensor x, float gamma) const {
  return rms ? rms_norm(s, x, eps, gamma) : layer_norm(s, x, eps, true, gamma);
}

Tensor patch_embed(Scope s, Tensor image, int dim, int patch, bool bias) {
  Tensor x = conv(s["proj"], image, dim, patch, {.stride = patch, .pad = Padding::none, .bias = bias});
  return reshape(x, {x.n(), -1, dim});
}

Tensor split_heads(Tensor x, int part, int parts, int heads) {
  int c = x.c() / parts;
  return reshape(slice(x, 2, part * c, c), {x.n(), x.dim(1), heads, c / heads});
}

float attention_scale(Tensor q) { return 1.0f / std::sqrt(static_cast<float>(q.c())); }

// Queries, keys and values, [n,t,c] each.
static std::array<Tensor, 3> project(Scope s, Tensor x, const SelfAttention& a) {
  int c = x.c();
  auto own = [&](const char* name, bool bias) { return linear(s[name], x, c, {.bias = bias, .init = truncated_normal}); };
  if (a.form == QkvForm::split) return {own("q_proj", a.qkv_bias), own("k_proj", false), own("v_proj", a.qkv_bias)};
  bool joined = a.form == QkvForm::joined;
  Tensor qkv = linear(s["qkv"], x, 3 * c, {.bias = joined && a.qkv_bias, .init = truncated_normal});
  if (!joined && a.qkv_bias) {
    Tensor shift[] = {s.param("q_bias", {c}, fill(0)), full(*x.graph, {c}, 0), s.param("v_bias", {c}, fill(0))};
    qkv = qkv + concat(shift, 0);
  }
  return {slice(qkv, 2, 0, c), slice(qkv, 2, c, c), slice(qkv, 2, 2 * c, c)};
}

static Tensor attend(Tensor query, Tensor key, Tensor value, int heads, const SelfAttention& a) {
  Tensor q = split_heads(query, 0, 1, heads), k = split_heads(key, 0, 1, heads), v = split_heads(value, 0, 1, heads);
  if (a.turns) q = turn(q, a.turns), k = turn(k, a.turns);
  float scale = attention_scale(q);
  return reshape(a.bias ? biased_attention(q, k, v, scale, a.bias) : attention(q, k, v, scale), query.shape());
}

Tensor differential_attention(Scope s, Tensor query, Tensor key, Tensor value, int heads, int layer) {
  int n = query.n(), t = query.dim(1), width = query.c() / heads, half = width / 2;
  // Of twice as many heads, every other one.
  auto part = [&](Tensor x, int i) {
    return reshape(slice(reshape(x, {n, t, heads, width}), 3, i * half, half), {n, t, heads, half});
  };
  Tensor v = split_heads(value, 0, 1, heads);
  auto map = [&](int i) {
    Tensor q = part(query, i);
    return biased_attention(q, part(key, i), v, attention_scale(q));
  };
  auto weight = [&](const char* q, const char* k) {
    return exp(sum_all(s.param(q, {half}, normal(0.1f)) * s.param(k, {half}, normal(0.1f))));
  };
  float start = 0.8f - 0.6f * std::exp(-0.3f * static_cast<float>(layer));
  Tensor lambda = weight("lambda_q1", "lambda_k1") - weight("lambda_q2", "lambda_k2") + start;
  Tensor y = rms_norm(s["sub_norm"], map(0) - lambda * map(1), 1e-5f) * (1 - start);
  return reshape(y, query.shape());
}

Tensor self_attention(Scope s, Tensor x, int heads, const SelfAttention& a) {
  auto [q, k, v] = project(s, x, a);
  Tensor y = a.differential < 0 ? attend(q, k, v, heads, a) : differential_attention(s, q, k, v, heads, a.differential);
  if (a.out_norm) y = a.norm(s["norm"], y);
  return linear(s["proj"], y, x.c(), {.bias = a.proj_bias, .init = truncated_normal});
}

Tensor attention_pool(Scope s, Tensor x, const MapPool& a) {
  int n = x.n(), c = x.c();
  Tensor latent = s.param("latent", {1, 1, c}, trunc_normal(1.0f / std::sqrt(static_cast<float>(c))));
  Tensor q = split_heads(broadcast_to(linear(s["q"], latent, c, kLinear), {n, 1, c}), 0, 1, a.heads);
  Tensor kv = linear(s["kv"], x, 2 * c, kLinear);
  Tensor y = attention(q, split_heads(kv, 0, 2, a.heads), split_heads(kv, 1, 2, a.heads), attention_scale(q));
  y = linear(s["proj"], reshape(y, {n, c}), c, kLinear);
  return y + mlp(s["mlp"], layer_norm(s["norm"], y, a.eps), a.hidden, a.act);
}

Tensor mlp(Scope s, Tensor x, const Mlp& m) {
  const LinearOptions o{.bias = m.bias, .init = truncated_normal};
  Tensor y;
  if (m.form == MlpForm::normed) {
    y = m.norm(s["norm"], x);
    return linear(s["w2"], activation(linear(s["w0"], y, m.hidden, o), m.act) * linear(s["w1"], y, m.hidden, o), x.c(), o);
  }
  if (m.form == MlpForm::split) {
    y = activation(linear(s["fc1_g"], x, m.hidden, o), m.act) * linear(s["fc1_x"], x, m.hidden, o);
  } else if (m.form == MlpForm::packed) {
    y = linear(s["fc1"], x, 2 * m.hidden, o);
    y = activation(slice(y, -1, 0, m.hidden), m.act) * slice(y, -1, m.hidden, m.hidden);
  } else {
    y = activation(linear(s["fc1"], x, m.hidden, o), m.act);
  }
  if (m.inner_norm) y = m.norm(s["norm"], y);
  return linear(s["fc2"], y, x.c(), o);
}

Tensor transformer_block(Scope s, Tensor x, const TransformerBlock& a, float drop) {
  x = x + drop_path(s["attn"], self_attention(s["attn"], layer_norm(s["norm1"], x, a.eps), a.heads), drop);
  return s.out(x + drop_path(s["mlp"], mlp(s["mlp"], layer_norm(s["norm2"], x, a.eps), a.hidden, a.act), drop));
}

}  // namespace fovea
