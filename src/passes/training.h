// A recorded model as it trains: batch statistics, with updates of the running ones; dropout draws its masks from the
// input "key", u32[2], fed anew each step.
#pragma once
#include <memory>

#include "ir/graph.h"

namespace fovea {
std::unique_ptr<Graph> training(const Graph& g);
}
