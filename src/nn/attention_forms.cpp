#include "nn/attention_forms.h"

#include <cmath>
#include <numbers>

#include "nn/transformer.h"
#include "ops/attention.h"
#include "ops/biased_attention.h"
#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/softmax.h"

namespace fovea {

static const LinearOptions kLinear{.init = truncated_normal};

Tensor attend_by_head(Tensor qkv, int heads, int keys, Tensor bias) {
  int n = qkv.n(), t = qkv.dim(1), values = qkv.c() / heads - 2 * keys;
  qkv = reshape(qkv, {n, t, heads, 2 * keys + values});
  Tensor q = slice(qkv, 3, 0, keys), k = slice(qkv, 3, keys, keys), v = slice(qkv, 3, 2 * keys, values);
  return reshape(biased_attention(q, k, v, attention_scale(q), bias), {n, t, heads * values});
}

Tensor normalized(Tensor x, int axis) { return x * rsqrt(maximum(reduce_sum(square(x), {axis}), 1e-24f)); }

Tensor cosine_attention(Tensor qkv, int heads, Tensor logit_scale, Tensor bias) {
  Tensor sharpness = reshape(exp(minimum(logit_scale, std::log(100.0f))), {heads, 1});
  Tensor q = normalized(split_heads(qkv, 0, 3, heads), 3) * sharpness, k = normalized(split_heads(qkv, 1, 3, heads), 3);
  Tensor y = biased_attention(q, k, split_heads(qkv, 2, 3, heads), 1, bias);
  return reshape(y, {qkv.n(), qkv.dim(1), qkv.c() / 3});
}

Tensor cross_covariance(Scope s, Tensor x, int heads) {
  Tensor qkv = linear(s["qkv"], x, 3 * x.c(), kLinear);
  auto part = [&](int i) { return transpose(split_heads(qkv, i, 3, heads), {0, 2, 1, 3}); };  // [n,h,t,d]
  Tensor scores =
      matmul(normalized(part(0), 2), normalized(part(1), 2), {.ta = true}) * s.param("temperature", {heads, 1, 1}, fill(1));
  Tensor y = matmul(part(2), softmax(scores), {.tb = true});
  return linear(s["proj"], reshape(transpose(y, {0, 2, 1, 3}), x.shape()), x.c(), kLinear);
}

Tensor class_attention(Scope s, Tensor x, int heads, const std::string& prefix) {
  int c = x.c();
  auto part = [&](const char* name, Tensor t) { return split_heads(linear(s[prefix + name], t, c, kLinear), 0, 1, heads); };
  Tensor q = part("q", slice(x, 1, 0, 1)), y = attention(q, part("k", x), part("v", x), attention_scale(q));
  return linear(s["proj"], reshape(y, {x.n(), 1, c}), c, kLinear);
}

Tensor class_view(Tensor q, Tensor k) {
  Tensor first = transpose(slice(q, 1, 0, 1), {0, 2, 1, 3}) * attention_scale(q);
  Tensor view = softmax(matmul(first, transpose(k, {0, 2, 1, 3}), {.tb = true}));  // [n,h,1,t]
  return reshape(reduce_mean(view, {1}), {q.n(), k.dim(1)});
}

Tensor fourier_position(Scope s, Tensor map, int dim) {
  constexpr int kWaves = 32;  // of each coordinate, sines and cosines in turn
  Graph& g = *map.graph;
  Tensor pair = floor(iota(g, {kWaves}, 0) * 0.5f), odd = iota(g, {kWaves}, 0) - 2.0f * pair;
  Tensor frequency = exp(pair * (-2 * std::log(10000.0f) / kWaves));
  auto waves = [&](int axis) {
    int size = map.dim(axis);
    Tensor at = (iota(g, {1, map.h(), map.w(), kWaves}, axis) + 1.0f) / (static_cast<float>(size) + 1e-6f);
    Tensor angle = at * (2 * std::numbers::pi_v<float>)*frequency;
    return select(odd, cos(angle), sin(angle));
  };
  Tensor both[] = {waves(1), waves(2)};
  return conv(s["token_projection"], concat(both, 3), dim, 1, {.bias = true, .init = truncated_normal});
}

}  // namespace fovea
