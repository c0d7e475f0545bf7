// Plain loops with double sums: the oracle of every convolution kernel. Slow and obviously right.
#pragma once
#include "kernels/shapes.h"

namespace fovea::kernels {

void reference_conv_forward(const ConvShape& s, const float* x, const float* w, double* y);
void reference_conv_backward_data(const ConvShape& s, const float* dy, const float* w, double* dx);
void reference_conv_backward_weight(const ConvShape& s, const float* x, const float* dy, double* dw);

}  // namespace fovea::kernels
