// Global filter (arXiv:2107.00645): every channel's plane is convolved with a kernel as large as itself, around its edges,
// as a product of spectra.
#pragma once
#include "ir/op.h"

namespace fovea {

struct GlobalFilter {
  FOVEA_ATTR(GlobalFilter)
};
// x [n,h,w,c], the filter's spectrum [c,h,w/2+1,2] (real and imaginary parts; the other half mirrors it) -> like x.
Tensor global_filter(Tensor x, Tensor spectrum);

}  // namespace fovea
