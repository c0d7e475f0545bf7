#include "nn/packed_attention.h"

#include "nn/layers.h"
#include "nn/transformer.h"
#include "ops/attention.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

Tensor packed_attention(Scope s, Tensor query, Tensor tokens, int heads, InitRule init) {
  const int c = query.c();
  Tensor weight = s.param("in_proj_weight", {3 * c, c}, init({3 * c, c}, 1)),
         bias = s.param("in_proj_bias", {3 * c}, fill(0));
  auto part = [&](Tensor x, int i) {
    Tensor y = linear(x, slice(weight, 0, i * c, c)) + slice(bias, 0, i * c, c);
    return reshape(y, {x.n(), x.dim(1), heads, c / heads});
  };
  Tensor q = part(query, 0), y = attention(q, part(tokens, 1), part(tokens, 2), attention_scale(q));
  return linear(s["out_proj"], reshape(y, query.shape()), c, {.init = init});
}

}  // namespace fovea
