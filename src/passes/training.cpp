#include "passes/training.h"

#include "base/error.h"
#include "ir/rewrite.h"
#include "ops/layout.h"
#include "ops/norm.h"
#include "ops/pointwise.h"
#include "ops/random.h"
#include "ops/reshape.h"
#include "passes/pass.h"

namespace fovea {
namespace {

// running = (1 - momentum) running + momentum of the batch; the variance unbiased, as PyTorch keeps it.
void update_running(Rewriter& r, const Node& n, Tensor x, Tensor mean, Tensor var, int processes) {
  const BatchNorm& a = n.attr.as<BatchNorm>();
  int64_t values = x.shape().numel() / x.c() * processes;
  float count = static_cast<float>(values), unbias = values > 1 ? count / (count - 1) : 1.0f;
  Tensor m = moments(x, processes);
  auto row = [&](int i) { return reshape(slice(m, 0, i, 1), {x.c()}); };
  const Param *of_mean = r.from.param_of(n.inputs[3]), *of_var = r.from.param_of(n.inputs[4]);
  FOVEA_CHECK(of_mean && of_var, "running statistics that are not parameters");
  r.to.update(of_mean->name, mean * (1 - a.momentum) + row(0) * a.momentum);
  r.to.update(of_var->name, var * (1 - a.momentum) + row(1) * (a.momentum * unbias));
}

}  // namespace

std::unique_ptr<Graph> training(const Graph& g) { return training(g, 1); }

std::unique_ptr<Graph> training(const Graph& g, int processes) {
  return rewrite(g, [&](Rewriter& r, int, const Node& n, std::span<const Tensor> in) -> Tensor {
    if (n.op == &Dropout::op) return dropout_train(in[0], r.to.input("key", {{2}, DType::u32}), n.attr.as<Dropout>());
    if (n.op != &BatchNorm::op) return {};
    update_running(r, n, in[0], in[3], in[4], processes);
    return batch_norm_train(in[0], in[1], in[2], {n.attr.as<BatchNorm>().eps, processes});
  });
}

FOVEA_PASS(training, "statistics of the batch with updates of the running ones, dropout drawn", -1)

}  // namespace fovea
