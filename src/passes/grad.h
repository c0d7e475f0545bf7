// Reverse-mode derivative, recorded into the same graph: made of ordinary operators, so it can be differentiated again.
#pragma once
#include <span>
#include <vector>

#include "ir/graph.h"

namespace fovea {

// d (sum of y * seed) / d wrt[i], of wrt[i]'s shape; an empty Tensor where y does not depend on it. seed: like y, 1 if
// absent.
std::vector<Tensor> grad(Tensor y, std::span<const Tensor> wrt, Tensor seed = {});

}  // namespace fovea
