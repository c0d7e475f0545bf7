// Selective scan (arXiv:2312.00752): a linear recurrence whose decay, input and read-out depend on the token.
#pragma once
#include "ir/op.h"

namespace fovea {

// u, delta [n,t,d], a [d,s], b and c [n,t,s] -> [n,t,d]: every channel d has s states, which start at 0; token after token
// h = exp(delta a) h + delta u b, and y is the sum of h c. reverse: from the last token to the first.
struct SelectiveScan {
  bool reverse = false;
  FOVEA_ATTR(SelectiveScan, reverse)
};
// in: u, delta, a, b, c, dy. The gradients of the first five, one after the other in one flat tensor.
struct SelectiveScanGrad {
  bool reverse = false;
  FOVEA_ATTR(SelectiveScanGrad, reverse)
};

Tensor selective_scan(Tensor u, Tensor delta, Tensor a, Tensor b, Tensor c, bool reverse = false);

}  // namespace fovea
