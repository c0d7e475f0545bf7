// Parallel linear branches become one convolution: structural re-parameterisation (RepVGG, arXiv:2101.03697, and everything
// after it), found in the graph instead of declared by the model. A sum of terms a * conv(x, w) + b and a * x over one x,
// with factors and biases that depend on parameters alone, is one convolution over the union of the windows: dilated windows
// and identities included. Exact up to rounding. Goes after inference(), which opens the batch norms.
#pragma once
#include <memory>

#include "ir/graph.h"

namespace fovea {
std::unique_ptr<Graph> merge_branches(const Graph& g);
}
