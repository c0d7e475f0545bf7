// Softmax attention, forward and backward.
#include "kernels/attention.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "bench/kernels/measure.h"

namespace fovea::bench {
namespace {

struct Task {
  Task(int b, int heads, int tokens, int d, Suite& suite)
      : shape(shape_of(b, heads, tokens, d)),
        kernel(shape, suite.options().isa, suite.pool().size()),
        qkv(size_t(b) * tokens * 3 * heads * d, 1),
        dqkv(qkv.size),
        y(qkv.size / 3),
        dy(y.size, 2),
        lse(size_t(b) * heads * tokens),
        work(std::max(kernel.forward_workspace_bytes(), kernel.backward_workspace_bytes()) / 4),
        q(qkv.data),
        k(q + heads * d),
        v(k + heads * d) {}

  static kernels::AttentionShape shape_of(int b, int heads, int tokens, int d) {
    const int64_t row = int64_t{heads} * d;
    const kernels::TokenStrides fused{tokens * 3 * row, 3 * row, d};
    kernels::AttentionShape s{.b = b, .heads = heads, .nq = tokens, .nk = tokens, .d = d, .scale = 0.125f};
    s.q = s.k = s.v = fused, s.y = {tokens * row, row, d};
    return s;
  }
  double error() const;

  kernels::AttentionShape shape;
  kernels::Attention kernel;
  Buffer qkv, dqkv, y, dy, lse, work;
  const float *q, *k, *v;
};

// Of the last token of the last image, by definition; 1e-5 of the values, which are at most 1, are allowed.
double Task::error() const {
  const kernels::AttentionShape& s = shape;
  double worst = 0;
  for (int h = 0; h < s.heads; h++) {
    const int64_t image = (s.b - 1) * s.q.image + h * s.q.head;
    std::vector<double> weight(size_t(s.nk));
    double sum = 0;
    for (int t = 0; t < s.nk; t++) {
      double score = 0;
      for (int i = 0; i < s.d; i++) score += double{q[image + (s.nq - 1) * s.q.token + i]} * k[image + t * s.k.token + i];
      sum += weight[size_t(t)] = std::exp(s.scale * score);
    }
    for (int i = 0; i < s.d; i++) {
      double value = 0;
      for (int t = 0; t < s.nk; t++) value += weight[size_t(t)] * v[image + t * s.v.token + i];
      const float got = y.data[(s.b - 1) * s.y.image + h * s.y.head + (s.nq - 1) * s.y.token + i];
      worst = std::max(worst, std::abs(got - value / sum) / 1e-5);
    }
  }
  return worst;
}

void one(Suite& suite, int b, int heads, int tokens, int d) {
  const std::string name = fmt::format("n{} {} heads {} x {}", b, heads, tokens, d);
  if (!suite.takes(name)) return;
  auto t = std::make_shared<Task>(b, heads, tokens, d, suite);
  Pool& pool = suite.pool();
  const double product = 2.0 * b * heads * tokens * tokens * d, row = double{4} * b * tokens * heads * d;
  suite.add({"forward " + name,
             2 * product,
             4 * row,
             {{"blocks of queries",
               [t, &pool] { t->kernel.forward(t->q, t->k, t->v, nullptr, t->y.data, t->lse.data, t->work.data, pool); },
               [t] { return t->error(); }}}});
  suite.add({"backward " + name, 5 * product, 8 * row, {{"blocks of queries", [t, &pool, wide = heads * d] {
                                                           float* dq = t->dqkv.data;
                                                           t->kernel.backward(
                                                               {t->q, t->k, t->v, nullptr, t->y.data, t->lse.data},
                                                               t->dy.data, dq, dq + wide, dq + 2 * wide, nullptr,
                                                               t->work.data, pool);
                                                         }}}});
}

}  // namespace

void attention(Suite& suite) {
  suite.category("attention");
  for (int heads : {3, 6, 12}) one(suite, 1, heads, 197, 64);
  one(suite, 8, 6, 197, 64);
  one(suite, 64, 3, 49, 32);
  one(suite, 1, 6, 1024, 64);
}

}  // namespace fovea::bench
