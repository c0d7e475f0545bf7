// A recorded model as it trains: batch statistics, with updates of the running ones; dropout draws its masks from the
// input "key", u32[2], fed anew each step.
#pragma once
#include <memory>

#include "ir/graph.h"

namespace fovea {
std::unique_ptr<Graph> training(const Graph& g);
// In a job of so many processes with an equal share of each batch: the statistics are those of the whole batch, the same in
// all. Gradients of parameters are those by the process's own share, to be added up.
std::unique_ptr<Graph> training(const Graph& g, int processes);
}  // namespace fovea
