// Multi-head attention with the packed parameters of PyTorch's own module: in_proj_weight [3c,c], in_proj_bias, out_proj.
#pragma once
#include "ir/scope.h"
#include "nn/init.h"

namespace fovea {

// query [n,q,c] looks at tokens [n,t,c] -> [n,q,c].
Tensor packed_attention(Scope s, Tensor query, Tensor tokens, int heads, InitRule init = xavier_normal);

}  // namespace fovea
