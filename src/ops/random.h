// Randomness as data: a draw is a function of an explicit key, so two dropouts never merge and recomputation is exact.
#pragma once
#include "ir/op.h"

namespace fovea {

// Uniform in [0, 1): element i is Philox(key, stream, i). in: key u32[2], fed anew each step. Streams keep draws apart.
struct Uniform {
  Shape shape;
  uint64_t stream = 0;
  FOVEA_ATTR(Uniform, shape, stream)
};
// Recorded without a mode: training() draws the mask (one for each element, or for each sample), inference() removes it.
struct Dropout {
  float rate = 0;
  bool per_sample = false;
  bool alpha = false;  // what is dropped becomes SELU's limit, and mean 0 and variance 1 are restored (arXiv:1706.02515)
  uint64_t stream = 0;
  FOVEA_ATTR(Dropout, rate, per_sample, alpha, stream)
};

Tensor uniform(Tensor key, const Shape& shape, uint64_t stream);
Tensor dropout(Tensor x, float rate, uint64_t stream);    // arXiv:1207.0580; rate 0: x itself
Tensor drop_path(Tensor x, float rate, uint64_t stream);  // stochastic depth, arXiv:1603.09382
Tensor alpha_dropout(Tensor x, float rate, uint64_t stream);
// What a dropout becomes in training.
Tensor dropout_train(Tensor x, Tensor key, const Dropout& a);

}  // namespace fovea
