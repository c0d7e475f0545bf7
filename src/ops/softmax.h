// Softmax and its logarithm along the last axis, and the cross entropy made of it.
#pragma once
#include "ir/op.h"

namespace fovea {

struct Softmax {
  FOVEA_ATTR(Softmax)
};
struct LogSoftmax {
  FOVEA_ATTR(LogSoftmax)
};
Tensor softmax(Tensor x);
Tensor log_softmax(Tensor x);
// Mean over the rows of -sum(target * log_softmax(logits)); logits and (soft) targets [n, classes] -> [].
Tensor cross_entropy(Tensor logits, Tensor target);

}  // namespace fovea
