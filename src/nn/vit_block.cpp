#include "nn/vit.h"
#include "ops/attention.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

// One block: where it is, what it is made of.
struct Place {
  const ViT& m;
  const Turns& turns;
  int layer;
  float drop;
};

Tensor attend(Scope s, Tensor x, const Place& p) {
  const ViT& m = p.m;
  return self_attention(s, x, m.heads,
                        {.qkv_bias = m.qkv_bias,
                         .proj_bias = m.layer_bias,
                         .form = m.qkv,
                         .out_norm = m.norm_attention,
                         .norm = m.norm(),
                         .turns = p.turns,
                         .differential = m.differential ? p.layer : -1});
}

Tensor feed_forward(Scope s, Tensor x, const ViT& m) {
  return mlp(s, x, {m.hidden(), m.act, m.mlp, m.layer_bias, m.norm_mlp, m.norm()});
}

Tensor plain(Scope s, Tensor x, const Place& p) {
  auto add = [&](const char* layer, int i, Tensor y) {
    std::string name = (p.m.eva_names ? "gamma_" : "ls") + std::to_string(i);
    if (p.m.scale != 0) y = p.m.eva_names ? layer_scale(s, y, name, p.m.scale) : layer_scale(s[name], y, "gamma", p.m.scale);
    x = x + drop_path(s[layer], y, p.drop);
  };
  add("attn", 1, attend(s["attn"], p.m.norm()(s["norm1"], x), p));
  add("mlp", 2, feed_forward(s["mlp"], p.m.norm()(s["norm2"], x), p.m));
  return s.out(x);
}

Tensor post_norm(Scope s, Tensor x, const Place& p) {
  float start = p.m.scale != 0 ? p.m.scale : 1;
  x = x + drop_path(s["attn"], p.m.norm()(s["norm1"], attend(s["attn"], x, p), start), p.drop);
  return s.out(x + drop_path(s["mlp"], p.m.norm()(s["norm2"], feed_forward(s["mlp"], x, p.m), start), p.drop));
}

Tensor parallel(Scope s, Tensor x, const Place& p) {
  const ViT& m = p.m;
  int hidden = m.hidden(), c = m.dim;
  auto dense = [&](const char* name, Tensor t, int out, bool bias = true) {
    return linear(s[name], t, out, {.bias = bias, .init = truncated_normal});
  };
  Tensor all = dense("in_proj", m.norm()(s["in_norm"], x), hidden + 3 * c, m.qkv_bias), inner = slice(all, 2, 0, hidden), y;
  if (!m.qkv_bias) inner = inner + s.param("mlp_bias", {hidden}, fill(0));
  inner = activation(inner, m.act);
  auto part = [&](int i) { return slice(all, 2, hidden + i * c, c); };
  if (m.differential) {
    Tensor both[] = {differential_attention(s, part(0), part(1), part(2), m.heads, p.layer), inner};
    y = dense("out_proj", concat(both, 2), c);
  } else {
    auto heads = [&](int i) { return reshape(part(i), {x.n(), x.dim(1), m.heads, c / m.heads}); };
    Tensor q = heads(0), k = heads(1);
    if (m.norm_queries) q = m.norm()(s["q_norm"], q), k = m.norm()(s["k_norm"], k);
    y = dense("attn_out_proj", reshape(attention(q, k, heads(2), attention_scale(q)), x.shape()), c);
    y = y + dense("mlp_out_proj", inner, c);
  }
  if (m.scale != 0) y = layer_scale(s["ls"], y, "gamma", m.scale);
  return s.out(x + drop_path(s, y, p.drop));
}

Tensor pairs(Scope s, Tensor x, const Place& p) {
  auto both = [&](const char* list, const char* layer, auto f) {
    Tensor sum = x;
    for (int i = 0; i < 2; i++) {
      Scope at = s[list][i];
      Tensor y = f(at[layer], p.m.norm()(at["norm"], x));
      if (p.m.scale != 0) y = layer_scale(at["ls"], y, "gamma", p.m.scale);
      sum = sum + drop_path(at, y, p.drop);
    }
    x = sum;
  };
  both("attns", "attn", [&](Scope at, Tensor t) { return attend(at, t, p); });
  both("ffns", "mlp", [&](Scope at, Tensor t) { return feed_forward(at, t, p.m); });
  return s.out(x);
}

}  // namespace

Tensor vit_block(Scope s, Tensor x, const ViT& m, const Turns& turns, int layer, float drop) {
  Place p{m, turns, layer, drop};
  if (m.block == ViTBlock::post_norm) return post_norm(s, x, p);
  if (m.block == ViTBlock::parallel) return parallel(s, x, p);
  return m.block == ViTBlock::pairs ? pairs(s, x, p) : plain(s, x, p);
}

}  // namespace fovea
