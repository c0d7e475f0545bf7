// Attention whose scores get a bias (positions, masks), and whose values may be wider or narrower than its keys.
#pragma once
#include "ir/op.h"

namespace fovea {

// q [b,nq,h,d], k [b,nk,h,d], v [b,nk,h,e], bias [1 or b, 1 or h, nq, nk] -> [b,nq,h,e]: softmax(q k^T * scale + bias) v for
// every head. Without a bias it has three inputs.
struct BiasedAttention {
  float scale = 1;
  FOVEA_ATTR(BiasedAttention, scale)
};
// in: q, k, v, the bias if there is one, dy. The gradients of q, k, v and, if wanted, the bias, one after the other in one
// flat tensor.
struct BiasedAttentionGrad {
  float scale = 1;
  bool bias = false;
  FOVEA_ATTR(BiasedAttentionGrad, scale, bias)
};
Tensor biased_attention(Tensor q, Tensor k, Tensor v, float scale, Tensor bias = {});

}  // namespace fovea
