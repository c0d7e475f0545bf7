#include "ops/softmax.h"

#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

Tensor softmax(Tensor x) { return record(Softmax{}, {x}); }
Tensor log_softmax(Tensor x) { return record(LogSoftmax{}, {x}); }
Tensor cross_entropy(Tensor logits, Tensor target) {
  return sum_all(target * log_softmax(logits)) * (-1.0f / static_cast<float>(logits.n()));
}

static Type infer(const Softmax&, Types in) { return in[0]; }
static Type infer(const LogSoftmax&, Types in) { return in[0]; }

static Tensor body(const Softmax&, std::span<const Tensor> in) {
  Tensor e = exp(in[0] - reduce_max(in[0], {-1}));
  return e / reduce_sum(e, {-1});
}
static Tensor body(const LogSoftmax&, std::span<const Tensor> in) {
  Tensor z = in[0] - reduce_max(in[0], {-1});
  return z - log(reduce_sum(exp(z), {-1}));
}
static void vjp(const Softmax&, Vjp& g) { g.add(0, g.out * (g.grad - reduce_sum(g.grad * g.out, {-1}))); }
static void vjp(const LogSoftmax&, Vjp& g) { g.add(0, g.grad - exp(g.out) * reduce_sum(g.grad, {-1})); }

static Cases softmax_cases() {
  return {{"row", {{3, 10}}, [](auto in) { return softmax(in[0]); }, -4, 4},
          {"attention", {{2, 3, 5, 17}}, [](auto in) { return softmax(in[0]); }, -4, 4}};
}
static Cases log_cases() {
  return {{"row", {{3, 10}}, [](auto in) { return log_softmax(in[0]); }, -4, 4},
          {"cross_entropy", {{4, 10}, {4, 10}}, [](auto in) { return cross_entropy(in[0], softmax(in[1])); }, -4, 4}};
}

FOVEA_OP(Softmax, "softmax", softmax_cases)
FOVEA_OP(LogSoftmax, "log_softmax", log_cases)
FOVEA_OPS(softmax, &Softmax::op, &LogSoftmax::op)

}  // namespace fovea
