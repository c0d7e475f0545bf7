#include "train/step.h"

#include "ops/pointwise.h"
#include "ops/softmax.h"
#include "passes/checkpoint.h"
#include "passes/fold_norm.h"
#include "passes/fold_scale.h"
#include "passes/grad.h"
#include "passes/inference.h"
#include "passes/merge_branches.h"
#include "passes/training.h"

namespace fovea {
namespace {

Param sum_slot(const Param& p) {
  return {.name = "optim.sum." + p.name, .init = fill(0), .trainable = false, .file_axes = p.file_axes, .type = p.type};
}

// Adds this micro-batch's share of the gradients to the sums.
void record_sums(Graph& g, const std::vector<Param>& params, const std::vector<Tensor>& gradients, int micro_batches,
                 Tensor loss) {
  for (size_t i = 0; i < params.size(); i++)
    if (gradients[i]) {
      Tensor sum = g.param(sum_slot(params[i]));
      g.update("optim.sum." + params[i].name, sum + gradients[i] * (1.0f / static_cast<float>(micro_batches)));
    }
  guard_updates(g, loss + record_norm(g, gradients));
}

// Spends the sums: the optimizer's step, and zeros for the next round.
std::unique_ptr<Graph> make_apply(const std::vector<Param>& params, const std::vector<Tensor>& trained, const Optimizer& o) {
  auto g = std::make_unique<Graph>();
  std::vector<Tensor> sums(params.size());
  for (const Param& p : params) g->param(p);
  for (size_t i = 0; i < params.size(); i++)
    if (trained[i]) sums[i] = g->param(sum_slot(params[i]));
  record_updates(*g, o, params, sums, full(*g, {}, 0));
  for (size_t i = 0; i < params.size(); i++)
    if (trained[i]) g->update("optim.sum." + params[i].name, full(*g, sums[i].shape(), 0));
  return g;
}

}  // namespace

StepGraphs make_step(const Graph& model, const StepOptions& options) {
  StepGraphs r{training(model), nullptr};
  Graph& g = *r.step;
  const std::vector<Param> params = g.params();  // a copy: the model's, before the optimizer adds its own
  Tensor logits = g.output_tensor("logits");
  Tensor loss = cross_entropy(logits, g.input("target", {logits.shape()}));
  g.output("loss", loss);
  int forward = g.size();
  std::vector<Tensor> weights, gradients(params.size());
  for (const Param& p : params)
    if (p.trainable) weights.push_back(g.at(p.node));
  std::vector<Tensor> d = grad(loss, weights);
  for (size_t i = 0, k = 0; i < params.size(); i++)
    if (params[i].trainable) gradients[i] = d[k++];
  if (options.accumulate == 1) {
    record_updates(g, options.optimizer, params, gradients, loss);
  } else {
    record_sums(g, params, gradients, options.accumulate, loss);
    r.apply = make_apply(params, gradients, options.optimizer);
  }
  if (options.checkpoint) r.step = checkpoint(g, forward);
  return r;
}

std::unique_ptr<Graph> eval_graph(const Graph& model) { return fold_scale(*merge_branches(*inference(*fold_norm(model)))); }

}  // namespace fovea
