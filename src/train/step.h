// One training step as one graph: forward, loss, gradients, updates of weights, statistics, optimizer slots and EMA.
#pragma once
#include <memory>

#include "train/optim.h"

namespace fovea {

struct StepOptions {
  Optimizer optimizer;
  int accumulate = 1;       // micro-batches whose gradients are averaged into one update
  bool checkpoint = false;  // recompute blocks in the backward pass instead of keeping what is inside them
};

// Inputs: "image", soft targets "target" [n,classes], "key" if anything is random, and optimizer_feeds().
// Outputs: "logits", "loss", "grad_norm" (`apply` has its own, of the whole). Loss or gradient not finite: no update changes
// anything.
struct StepGraphs {
  std::unique_ptr<Graph> step;
  std::unique_ptr<Graph> apply;  // accumulate > 1: runs after every so many steps, whose gradients it spends
};

// model: as recorded, with the output "logits".
StepGraphs make_step(const Graph& model, const StepOptions& options);
// As it predicts: norms folded, no dropout.
std::unique_ptr<Graph> eval_graph(const Graph& model);

}  // namespace fovea
