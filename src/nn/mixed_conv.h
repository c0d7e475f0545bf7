// Convolutions made of several: windows that share the channels, kernels that share the pictures.
#pragma once
#include "nn/layers.h"
#include "ops/conv2d.h"

namespace fovea {

// Equal shares of the channels (the first takes the rest), each with its window (arXiv:1907.09595); parameters 0.weight,
// 1.weight, ... With one window it is conv(). As many groups as channels of x: depthwise, also in the parts.
Tensor mixed_conv(Scope s, Tensor x, int out, const Dims& windows, const ConvOptions& o = {});

// Every picture has its kernels: x [n,h,w,c], kernels [n*out,kh,kw,in of a group] -> [n,h',w',out].
Tensor conv_per_sample(Tensor x, Tensor kernels, const Conv2d& a);
// Every picture's kernel is a sum of `experts` kernels, weighted by routing [n,experts] (CondConv, arXiv:1904.04971).
Tensor expert_conv(Scope s, Tensor x, Tensor routing, int experts, int out, int window, const ConvOptions& o = {});

}  // namespace fovea
