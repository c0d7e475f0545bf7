// A recorded graph as people speak of it: layers, each the operators of one scope, with what it costs.
#pragma once
#include <string>
#include <vector>

#include "ir/graph.h"

namespace fovea::cli {

struct Layer {
  std::string scope, block;      // block: the unit of the model it belongs to, "" for none
  std::vector<std::string> ops;  // "conv 3x3/2", "batch_norm", "relu"
  Shape out;                     // of its last operator
  int64_t params = 0, macs = 0;
  std::vector<int> inputs;  // layers, ascending; -1: the network's input
  bool piece = false;       // begins where ways meet or part, not with a scope of its own
};

std::vector<Layer> layers_of(const Graph& g);

}  // namespace fovea::cli
