// A learned factor for each channel (LayerScale, arXiv:2103.17239) right after a linear layer or a convolution, with or
// without bias, becomes part of their weights: exact up to rounding. Layers with other readers stay.
#pragma once
#include <memory>

#include "ir/graph.h"

namespace fovea {
std::unique_ptr<Graph> fold_scale(const Graph& g);
}
