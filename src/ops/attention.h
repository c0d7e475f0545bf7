// Scaled dot-product attention (arXiv:1706.03762) over heads.
#pragma once
#include "ir/op.h"

namespace fovea {

// q [b,nq,h,d], k and v [b,nk,h,d] -> [b,nq,h,d]: softmax(q k^T * scale) v for every head.
struct Attention {
  float scale = 1;
  FOVEA_ATTR(Attention, scale)
};
// in: q, k, v, dy. The gradients of q, k and v, one after the other in one flat tensor.
struct AttentionGrad {
  float scale = 1;
  FOVEA_ATTR(AttentionGrad, scale)
};

Tensor attention(Tensor q, Tensor k, Tensor v, float scale);

}  // namespace fovea
