// Elements by rank: 0 is the largest; of equal ones the first comes first. Comparisons of all pairs, so that ranks are the
// same for any order of execution; n^2 of them, for the tens to hundreds of tokens that networks choose among.
#pragma once
#include "ir/graph.h"

namespace fovea {

Tensor ranks(Tensor scores);  // along the last axis: [...,t] -> [...,t]
// Matrices that pick the elements of the first ranks, in their order, by a product: [...,t] -> [...,count,t].
Tensor pick_first(Tensor ranks, int count);

}  // namespace fovea
