// Deformable convolution (DCNv4, arXiv:2401.06197): every pixel says where around it to look and how much each place weighs.
#pragma once
#include "ir/scope.h"

namespace fovea {

// 3x3 places in every group of channels; parameters offset_mask, value_proj, output_proj; look: with offset_mask_dw, what
// speaks is a pixel's neighbourhood. [n,h,w,c] -> same
Tensor deformable_conv(Scope s, Tensor x, int groups, bool look);

}  // namespace fovea
