#include "ops/biased_attention.h"

#include "base/error.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
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

static Type infer(const BiasedAttentionGrad& a, Types in) {
  Types forward = in.first(in.size() - 1);
  if (!(infer(BiasedAttention{}, forward) == in.back()))
    fail(Code::usage, "the gradient {} is not that of a result", in.back().shape.str());
  int64_t floats = 0;
  for (size_t i = 0; i < forward.size() - (forward.size() == 4 && !a.bias); i++) floats += forward[i].shape.numel();
  return {{static_cast<int>(floats)}};
}

static int64_t macs(const BiasedAttention&, Types in, const Shape& out) {
  return (in[0].shape.numel() + out.numel()) * in[1].shape[1];
}
// The scores again, their gradient, and those of q, k and v.
static int64_t macs(const BiasedAttentionGrad&, Types in, const Shape&) {
  return (3 * in[0].shape.numel() + 2 * in.back().shape.numel()) * in[1].shape[1];
}

static Tensor heads_first(Tensor x) { return transpose(x, {0, 2, 1, 3}); }  // and back

// q and k with their heads first.
static Tensor weights(Tensor q, Tensor k, float scale, Tensor bias) {
  Tensor scores = matmul(q * scale, k, {.tb = true});
  return softmax(bias ? scores + bias : scores);
}

static Tensor body(const BiasedAttention& a, std::span<const Tensor> in) {
  Tensor bias = in.size() == 4 ? in[3] : Tensor{};
  return heads_first(matmul(weights(heads_first(in[0]), heads_first(in[1]), a.scale, bias), heads_first(in[2])));
}

static void vjp(const BiasedAttention& a, Vjp& g) {
  std::vector<Tensor> in = g.in;
  in.push_back(g.grad);
  const bool bias = g.in.size() == 4 && g.wants(3);
  Tensor flat = record(BiasedAttentionGrad{a.scale, bias}, std::span<const Tensor>(in));
  int at = 0;
  for (int i = 0; i < 3 + bias; i++) {
    Shape s = g.in[static_cast<size_t>(i)].shape();  // a copy: recording moves the nodes
    int size = static_cast<int>(s.numel());
    g.add(i, reshape(slice(flat, 0, at, size), s));
    at += size;
  }
}

static Tensor body(const BiasedAttentionGrad& a, std::span<const Tensor> in) {
  Tensor q = heads_first(in[0]), k = heads_first(in[1]), v = heads_first(in[2]), dy = heads_first(in.back());  // [b,h,n,d]
  Tensor p = weights(q, k, a.scale, in.size() == 5 ? in[3] : Tensor{}), dp = matmul(dy, v, {.tb = true});
  Tensor slope = p * (dp - reduce_sum(dp * p, {-1})), ds = slope * a.scale;
  std::vector<Tensor> parts{matmul(ds, k), matmul(ds, q, {.ta = true}), matmul(p, dy, {.ta = true})};
  for (Tensor& t : parts) t = reshape(heads_first(t), {-1});
  if (a.bias) parts.push_back(reshape(sum_to(slope, in[3].shape()), {-1}));
  return concat(parts, 0);
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

static Cases grad_cases() {
  auto build = [](auto in) { return record(BiasedAttentionGrad{0.5f, true}, in); };
  return {{"summed", {{3, 3, 2, 4}, {3, 5, 2, 4}, {3, 5, 2, 4}, {1, 2, 3, 5}, {3, 3, 2, 4}}, build, -2, 2},
          {"of_each", {{2, 3, 2, 4}, {2, 5, 2, 4}, {2, 5, 2, 4}, {2, 2, 3, 5}, {2, 3, 2, 4}}, build, -2, 2},
          {"of_all_heads", {{2, 3, 2, 4}, {2, 5, 2, 4}, {2, 5, 2, 4}, {2, 1, 3, 5}, {2, 3, 2, 4}}, build, -2, 2},
          {"unwanted",
           {{2, 3, 2, 4}, {2, 5, 2, 4}, {2, 5, 2, 6}, {2, 1, 3, 5}, {2, 3, 2, 6}},
           [](auto in) { return record(BiasedAttentionGrad{0.5f}, in); },
           -2,
           2}};
}

FOVEA_OP(BiasedAttention, "biased_attention", cases)
FOVEA_OP(BiasedAttentionGrad, "biased_attention_grad", grad_cases)
FOVEA_OPS(biased_attention, &BiasedAttention::op, &BiasedAttentionGrad::op)

}  // namespace fovea
