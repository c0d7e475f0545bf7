#include "nn/transformer.h"

#include <cmath>

#include "ops/attention.h"
#include "ops/biased_attention.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

static const LinearOptions kLinear{.init = truncated_normal};

Tensor patch_embed(Scope s, Tensor image, int dim, int patch, bool bias) {
  Tensor x = conv(s["proj"], image, dim, patch, {.stride = patch, .pad = Padding::none, .bias = bias});
  return reshape(x, {x.n(), -1, dim});
}

Tensor split_heads(Tensor x, int part, int parts, int heads) {
  int c = x.c() / parts;
  return reshape(slice(x, 2, part * c, c), {x.n(), x.dim(1), heads, c / heads});
}

float attention_scale(Tensor q) { return 1.0f / std::sqrt(static_cast<float>(q.c())); }

Tensor self_attention(Scope s, Tensor x, int heads, const SelfAttention& a) {
  Tensor qkv = linear(s["qkv"], x, 3 * x.c(), {.bias = a.qkv_bias, .init = truncated_normal});
  Tensor q = split_heads(qkv, 0, 3, heads), k = split_heads(qkv, 1, 3, heads), v = split_heads(qkv, 2, 3, heads);
  float scale = attention_scale(q);
  Tensor y = reshape(a.bias ? biased_attention(q, k, v, scale, a.bias) : attention(q, k, v, scale), x.shape());
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

Tensor mlp(Scope s, Tensor x, int hidden, Act act) {
  Tensor y = activation(linear(s["fc1"], x, hidden, kLinear), act);
  return linear(s["fc2"], y, x.c(), kLinear);
}

Tensor transformer_block(Scope s, Tensor x, const TransformerBlock& a, float drop) {
  x = x + drop_path(s["attn"], self_attention(s["attn"], layer_norm(s["norm1"], x, a.eps), a.heads), drop);
  return s.out(x + drop_path(s["mlp"], mlp(s["mlp"], layer_norm(s["norm2"], x, a.eps), a.hidden, a.act), drop));
}

}  // namespace fovea
