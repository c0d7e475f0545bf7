// Optimizers as updates recorded in the graph: a training step is one graph. Slots are parameters of the graph
// ("optim.momentum.fc.weight"); numbers that change from step to step are its inputs (see Optimizer::feeds).
#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "ir/graph.h"

namespace fovea {

// Which weight decay a parameter gets: `value` unless a scope matches its name, the last match winning.
struct Decay {
  float value = 0;
  bool vectors = false;  // false: norm weights and biases (anything with fewer than two dimensions) decay only by a scope
  std::vector<std::pair<std::string, float>> scopes = {};  // glob over parameter names -> value
  float of(const Param& p) const;
};

struct Optimizer {
  std::string kind = "sgd";                         // sgd (PyTorch's SGD) or adamw (arXiv:1711.05101, PyTorch's AdamW)
  float momentum = 0.9f;                            // sgd
  bool nesterov = true;                             // sgd
  float beta1 = 0.9f, beta2 = 0.999f, eps = 1e-8f;  // adamw
  Decay decay;
  float clip = 0;       // > 0: gradients are scaled so that their common norm is at most this
  float ema_decay = 0;  // > 0: "ema.NAME" follows every parameter and buffer
  bool ema_warmup = true;
};

const std::vector<std::string>& optimizer_names();

// A parameter that is not the model's: "optim.*" or "ema.*".
bool is_slot(const std::string& name);

// Makes the output "grad_norm" and returns it.
Tensor record_norm(Graph& g, const std::vector<Tensor>& gradients);
// Where `sum` is not finite, none of the updates recorded so far changes anything, so that the cause can be looked for.
void guard_updates(Graph& g, Tensor sum);  // []

// Records the updates of trainable params[i] by gradients[i] (empty: left alone), and of what follows them. Guards them and
// those recorded before by loss and gradients.
void record_updates(Graph& g, const Optimizer& o, const std::vector<Param>& params, std::vector<Tensor> gradients,
                    Tensor loss);

// The inputs beside image, target and key: name and value at this step (counted from 0).
std::vector<std::pair<std::string, float>> optimizer_feeds(const Optimizer& o, int64_t step, double lr);

}  // namespace fovea
