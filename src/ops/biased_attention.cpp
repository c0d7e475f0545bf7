#include "ops/biased_attention.h"

#include "base/error.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/softmax.h"

namespace fovea {

Tensor biased_attention(Tensor q, Tensor k, Tensor v, float scale, Tensor bias) {
  if (bias) return record(BiasedAttention{scale}, {q, k, v, bias});
  return record(BiasedAttention{scale}, {q, k, v});
}

static Type infer(const BiasedAttention&, Types in) {
  const Shape &q = in[0].shape, &k = in[1].shape, &v = in[2].shape;
  bool fits = q.rank == 4 && k.rank == 4 && v.rank == 4 && q[0] == k[0] && q[2] == k[2] && q[3] == k[3];
  fits = fits && v[0] == k[0] && v[1] == k[1] && v[2] == k[2];
  if (!fits || (in.size() == 4 && !broadcasts_to(in[3].shape, {q[0], q[2], q[1], k[1]})))
    fail(Code::usage, "biased attention takes q [b,nq,h,d], k [b,nk,h,d], v [b,nk,h,e] and a bias for [b,h,nq,nk]");
  return {{q[0], q[1], q[2], v[3]}};
}

static int64_t macs(const BiasedAttention&, Types in, const Shape& out) {
  return (in[0].shape.numel() + out.numel()) * in[1].shape[1];
}

static Tensor heads_first(Tensor x) { return transpose(x, {0, 2, 1, 3}); }  // and back

static Tensor body(const BiasedAttention& a, std::span<const Tensor> in) {
  Tensor scores = matmul(heads_first(in[0] * a.scale), heads_first(in[1]), {.tb = true});
  if (in.size() == 4) scores = scores + in[3];
  return heads_first(matmul(softmax(scores), heads_first(in[2])));
}

static Cases cases() {
  return {{"heads",
           {{2, 5, 3, 4}, {2, 5, 3, 4}, {2, 5, 3, 4}, {1, 3, 5, 5}},
           [](auto in) { return biased_attention(in[0], in[1], in[2], 0.5f, in[3]); },
           -2,
           2},
          {"masks",
           {{2, 3, 2, 4}, {2, 7, 2, 4}, {2, 7, 2, 4}, {2, 1, 3, 7}},
           [](auto in) { return biased_attention(in[0], in[1], in[2], 0.5f, in[3]); },
           -2,
           2},
          {"wide_values",
           {{1, 3, 2, 4}, {1, 7, 2, 4}, {1, 7, 2, 6}},
           [](auto in) { return biased_attention(in[0], in[1], in[2], 0.35f); },
           -2,
           2}};
}

FOVEA_OP(BiasedAttention, "biased_attention", cases)
FOVEA_OPS(biased_attention, &BiasedAttention::op)

}  // namespace fovea
