#include "ops/attention.h"

#include "base/error.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/softmax.h"

namespace fovea {

Tensor attention(Tensor q, Tensor k, Tensor v, float scale) { return record(Attention{scale}, {q, k, v}); }

static Type infer(const Attention&, Types in) {
  const Shape &q = in[0].shape, &k = in[1].shape;
  if (q.rank != 4 || k.rank != 4 || !(k == in[2].shape) || q[0] != k[0] || q[2] != k[2] || q[3] != k[3])
    fail(Code::usage, "attention takes q [b,nq,h,d], k and v [b,nk,h,d]");
  return in[0];
}
static Type infer(const AttentionGrad&, Types in) {
  return {{static_cast<int>(in[0].shape.numel() + 2 * in[1].shape.numel())}};
}

static int64_t macs(const Attention&, Types in, const Shape&) { return 2 * in[0].shape.numel() * in[1].shape[1]; }
// The scores again, their gradient, and those of q, k and v.
static int64_t macs(const AttentionGrad&, Types in, const Shape&) { return 5 * in[0].shape.numel() * in[1].shape[1]; }

static Tensor heads_first(Tensor x) { return transpose(x, {0, 2, 1, 3}); }  // and back
static Tensor weights(Tensor q, Tensor k, float scale) { return softmax(matmul(q * scale, k, {.tb = true})); }

static Tensor body(const Attention& a, std::span<const Tensor> in) {
  return heads_first(matmul(weights(heads_first(in[0]), heads_first(in[1]), a.scale), heads_first(in[2])));
}

static void vjp(const Attention& a, Vjp& g) {
  Tensor flat = record(AttentionGrad{a.scale}, {g.in[0], g.in[1], g.in[2], g.grad});
  int at = 0;
  for (int i = 0; i < 3; i++) {
    Shape s = g.in[static_cast<size_t>(i)].shape();  // a copy: recording moves the nodes
    int size = static_cast<int>(s.numel());
    g.add(i, reshape(slice(flat, 0, at, size), s));
    at += size;
  }
}

static Tensor body(const AttentionGrad& a, std::span<const Tensor> in) {
  Tensor q = heads_first(in[0]), k = heads_first(in[1]), v = heads_first(in[2]), dy = heads_first(in[3]);  // [b,h,n,d]
  Tensor p = weights(q, k, a.scale), dp = matmul(dy, v, {.tb = true});
  Tensor ds = p * (dp - reduce_sum(dp * p, {-1})) * a.scale;
  Tensor parts[] = {matmul(ds, k), matmul(ds, q, {.ta = true}), matmul(p, dy, {.ta = true})};
  for (Tensor& t : parts) t = reshape(heads_first(t), {-1});
  return concat(parts, 0);
}

static Cases cases() {
  return {
      {"self",
       {{2, 5, 3, 4}, {2, 5, 3, 4}, {2, 5, 3, 4}},
       [](auto in) { return attention(in[0], in[1], in[2], 0.5f); },
       -2,
       2},
      {"cross",
       {{1, 3, 2, 8}, {1, 7, 2, 8}, {1, 7, 2, 8}},
       [](auto in) { return attention(in[0], in[1], in[2], 0.35f); },
       -2,
       2},
      {"one_tensor",  // its gradient must count it once for each of its three places
       {{1, 3, 2, 4}},
       [](auto in) { return attention(in[0], in[0], in[0], 0.5f); },
       -2,
       2},
      {"fused_qkv",
       {{2, 9, 24}},
       [](auto in) {
         auto part = [&](int i) { return reshape(slice(in[0], 2, 8 * i, 8), {2, 9, 2, 4}); };
         return attention(part(0), part(1), part(2), 0.5f);
       },
       -2,
       2},
  };
}
static Cases grad_cases() {
  return {{"cross",
           {{1, 3, 2, 8}, {1, 7, 2, 8}, {1, 7, 2, 8}, {1, 3, 2, 8}},
           [](auto in) {
             return record(AttentionGrad{0.35f}, {in[0], in[1], in[2], in[3]});
           },
           -2,
           2}};
}

FOVEA_OP(Attention, "attention", cases)
FOVEA_OP(AttentionGrad, "attention_grad", grad_cases)
FOVEA_OPS(attention, &Attention::op, &AttentionGrad::op)

}  // namespace fovea
