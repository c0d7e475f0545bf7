// Starting values of weights, as rules over the shape: [out, kh, kw, in per group] or [out, in].
#pragma once
#include "ir/graph.h"

namespace fovea {

using InitRule = Init (*)(const Shape& weight, int groups);

Init fan_in_uniform(const Shape& weight, int groups);        // U(+-1/sqrt(fan_in)): PyTorch's default
Init fan_in_normal(const Shape& weight, int groups);         // N(0, 2/fan_in): keeps the size of rectified values
Init prelu_normal(const Shape& weight, int groups);          // the same for PReLU, whose slope begins at 0.25
Init lecun_normal(const Shape& weight, int groups);          // N(0, 1/fan_in): for SELU (arXiv:1706.02515)
Init xavier_normal(const Shape& weight, int groups);         // N(0, 2/(fan_in + fan_out)) (Glorot and Bengio 2010)
Init fan_out_normal(const Shape& weight, int groups);        // N(0, 2/fan_out) (He et al., arXiv:1502.01852)
Init group_fan_out_normal(const Shape& weight, int groups);  // the same over one group, as TensorFlow counts
Init fan_out_uniform(const Shape& weight, int groups);       // U(+-1/sqrt(fan_out)): classifiers of mobile networks
Init truncated_normal(const Shape& weight, int groups);      // std 0.02: transformers and ConvNeXt

}  // namespace fovea
