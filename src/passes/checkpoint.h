// Activation checkpointing (arXiv:1604.06174): the backward pass computes the inside of a block again from the block's
// input, so that only the ends of blocks (Scope::out) are kept. Less memory, up to a third more time; the same values,
// but for rounding where a plan fuses the recomputed part in another way than the first one (sums before a layer norm).
#pragma once
#include <memory>

#include "ir/graph.h"

namespace fovea {

// Nodes below `forward` are the forward pass; those from there on read them.
std::unique_ptr<Graph> checkpoint(const Graph& g, int forward);

}  // namespace fovea
