// Attention free transformer layers (arXiv:2105.14103): a key's weight is exp(k) in its channel, times exp(w) between two
// positions. Parameter names of rish-16/aft-pytorch.
#include "models/registry.h"
#include "nn/layers.h"
#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

enum class Positions : uint8_t { none, all, near };

// Position biases [t,t] between the first t of the layer's positions; 0 for those at least `window` apart.
Tensor position_biases(Scope s, int positions, int t, int window) {
  Shape shape{positions, positions};
  Tensor w = slice(slice(s.param("wbias", shape, xavier_normal(shape, 1)), 0, 0, t), 1, 0, t);
  if (window == 0) return w;
  Tensor distance = abs(iota(s.graph(), {t, t}, 0) - iota(s.graph(), {t, t}, 1));
  return select(greater(static_cast<float>(window) - distance, 0), w, scalar(w, 0));
}

// [n,t,c] -> [n,t,c]. Both exponentials are divided by their largest value, which the quotient does not see.
Tensor aft(Scope s, Tensor x, Positions kind, const Settings& o) {
  int hidden = o.integer("hidden_dim", 64), t = x.dim(1);
  Tensor q = linear(s["to_q"], x, hidden), k = linear(s["to_k"], x, hidden), v = linear(s["to_v"], x, hidden);
  Tensor weight = exp(k - reduce_max(k, {1})), sums, norms;
  if (kind == Positions::none) {
    sums = reduce_sum(weight * v, {1}), norms = reduce_sum(weight, {1});
  } else {
    Tensor w = position_biases(s, o.integer("max_seqlen", t), t, kind == Positions::near ? o.integer("s", 256) : 0);
    Tensor between = broadcast_to(exp(w - reduce_max(w, {1})), {x.n(), t, t});
    sums = matmul(between, weight * v), norms = matmul(between, weight);
  }
  return linear(s["project"], sigmoid(q) * sums / norms, x.c());
}

Model layer(const char* name, Positions kind) {
  return {.name = name,
          .family = "aft",
          .build = [kind](Scope s, Tensor x, const ModelOptions& o) { return aft(s, x, kind, o.settings); },
          .kind = ModelKind::layer};
}

}  // namespace

std::vector<Model> models_of_aft() {
  return {layer("aft_full", Positions::all), layer("aft_simple", Positions::none), layer("aft_local", Positions::near)};
}

}  // namespace fovea
