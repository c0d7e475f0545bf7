// Monarch matrices (arXiv:2204.00595): two block diagonal matrices and the permutations between them instead of a dense one.
#pragma once
#include "ir/scope.h"

namespace fovea {

// x [...,p*k] times blocks a [k,q,p], then, the result read as r rows of l, each column times its block b [l,s,r]:
// [...,s*l].
Tensor monarch(Tensor x, Tensor a, Tensor b);
// Parameters blkdiag1, blkdiag2, bias; features that do not divide by the blocks are padded with zeros and cut off.
Tensor monarch_linear(Scope s, Tensor x, int out, int blocks, bool bias = true);  // [...,c] -> [...,out]

}  // namespace fovea
