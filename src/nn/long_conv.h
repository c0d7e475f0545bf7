// Convolution of sequences [n,l,c] with kernels as long as themselves: every channel has its own. Long ones go through the
// frequency domain (kernels/fft.h).
#pragma once
#include "ir/graph.h"

namespace fovea {

// y[i] = sum_j kernel[j] x[i - j], where x is 0 before its start. kernel [c,k], any k; what exceeds l does not matter.
Tensor causal_conv(Tensor x, Tensor kernel);
// On a circle of twice the sequence's length, its second half 0: the kernel [c,2l] begins with what comes from before, and
// ends with what comes from behind, the next element last.
Tensor two_sided_conv(Tensor x, Tensor kernel);

// The elements from last to first.
Tensor reverse(Tensor x, int axis);

}  // namespace fovea
