// A recorded model as it predicts: running statistics, no dropout.
#pragma once
#include <memory>

#include "ir/graph.h"

namespace fovea {
std::unique_ptr<Graph> inference(const Graph& g);
}
