// Resampling of numbers, without the rounding to bytes that pictures have.
#pragma once
#include <vector>

#include "io/resize.h"

namespace fovea {

// Of output i when `in` samples become `out`: returns the first input that it is made of; the weights of that and the next.
int resample_weights(int in, int out, int i, Filter f, std::vector<double>& weights);

// As PyTorch's interpolate(antialias=True).  // in: [h,w,c], out: [out_h,out_w,c]
void resample(const float* in, int h, int w, int c, Filter filter, float* out, int out_h, int out_w);

}  // namespace fovea
