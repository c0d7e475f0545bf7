#include "ops/attention.h"

#include "base/error.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/softmax.h"

namespace fovea {

Tensor attention(Tensor q, Tensor k, Tensor v, float scale) { return record(Attention{scale}, {q, k, v}); }

static Type infer(const Attention&, Types in) {
  const Shape &q = in[0].shape, &k = in[1].shape;
  if (q.rank != 4 || k.rank != 4 || !(k == in[2].shape) || q[0] != k[0] || q[2] != k[2] || q[3] != k[3])
    fail(Code::usage, "attention takes q [b,nq,h,d], k and v [b,nk,h,d]");
  return in[0];
}
static Tensor body(const Attention& a, std::span<const Tensor> in) {
  Tensor q = transpose(in[0], {0, 2, 1, 3}), k = transpose(in[1], {0, 2, 1, 3}),
         v = transpose(in[2], {0, 2, 1, 3});  // [b,h,n,d]
  Tensor p = softmax(matmul(q * a.scale, k, {.tb = true}));
  return transpose(matmul(p, v), {0, 2, 1, 3});
}
static Cases cases() {
  return {{"self",
           {{2, 5, 3, 4}, {2, 5, 3, 4}, {2, 5, 3, 4}},
           [](auto in) { return attention(in[0], in[1], in[2], 0.5f); },
           -2,
           2},
          {"cross",
           {{1, 3, 2, 8}, {1, 7, 2, 8}, {1, 7, 2, 8}},
           [](auto in) { return attention(in[0], in[1], in[2], 0.35f); },
           -2,
           2}};
}

FOVEA_OP(Attention, "attention", cases)
FOVEA_OPS(attention, &Attention::op)

}  // namespace fovea
