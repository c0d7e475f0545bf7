// Branches of several resolutions side by side (HRNet, arXiv:1908.07919): what its relatives share. Maps are [n,h,w,c],
// finest first.
#pragma once
#include <vector>

#include "ir/scope.h"
#include "ops/activation.h"

namespace fovea {

using Maps = std::vector<Tensor>;

// Convolution and norm as neighbours in a sequence: parameters 0, 1.
Tensor conv_norm_pair(Scope s, Tensor x, int out, int window, int stride, Act act, bool bias = false);
Tensor bottleneck(Scope s, Tensor x, int inner);  // [n,h,w,c] -> [n,h,w,4*inner]; parameters conv1, bn1, ..., downsample
// Half the size `steps` times by strided convolutions, the last of which changes the channels and ends with `last`.
Tensor halve(Scope s, Tensor x, int steps, int out, Act last);
// Branches as they are, or with other channels; new ones from the coarsest. Branch i has width << i channels.
Maps transition(Scope s, const Maps& from, int branches, int width);

}  // namespace fovea
