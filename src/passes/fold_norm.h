// batch_norm after a convolution becomes part of its weights: exact up to rounding. Goes before inference().
// Norms whose convolution has other readers, or none, stay.
#pragma once
#include <memory>

#include "ir/graph.h"

namespace fovea {
std::unique_ptr<Graph> fold_norm(const Graph& g);
}
