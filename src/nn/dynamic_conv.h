// Convolutions whose kernels are computed from what they read. [n,h,w,c] -> same.
#pragma once
#include "nn/layers.h"

namespace fovea {

// ATConv (arXiv:2510.20092): every picture's depthwise kernels are its averages over as many stretches of pixels as a kernel
// has taps, less a part of their mean; parameters kernel_proj, kernel_gen, difference_control, x_proj, proj.
Tensor attentive_conv(Scope s, Tensor x, int window = 3, bool bias = true, Act act = Act::gelu);

// LS convolution (arXiv:2503.23135): a 7x7 convolution sees what 3x3 kernels every pixel needs, one for eight channels;
// parameters lkp.cv1 to cv4, lkp.norm, bn.
Tensor large_small_conv(Scope s, Tensor x);

}  // namespace fovea
