// Involution (arXiv:2103.06255): every pixel makes the kernel it is filtered with, one for 16 channels.
#pragma once
#include "nn/layers.h"

namespace fovea {

// Parameters conv1.conv, conv1.bn, conv2.conv. [n,h,w,c] -> [n,h/stride,w/stride,c]; c is a multiple of 16.
Tensor involution(Scope s, Tensor x, int window, int stride = 1);

}  // namespace fovea
