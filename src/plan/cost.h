// What a node costs by its shapes: the figures of papers and of `inspect`.
#pragma once
#include <cstdint>

#include "ir/graph.h"

namespace fovea {

// Multiply-accumulates of convolutions and matrix products; 0 for everything else.
int64_t node_macs(const Graph& g, int id);

}  // namespace fovea
