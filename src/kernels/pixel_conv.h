// Convolution with a kernel for every pixel of the result, shared by the channels of a group, and its adjoints.
// x [n,h,w,c], k [n,oh,ow,groups*kh*kw], y [n,oh,ow,c].
// What limits it: nothing is used twice, so every product loads a vector of values and a weight, half the peak at most; a
// vector holds channels of one group, and narrower groups leave lanes unused.
#pragma once
#include "base/cpu.h"
#include "base/threads.h"
#include "kernels/pixel_conv_table.h"
#include "kernels/window.h"

namespace fovea::kernels {

struct PixelConvShape {
  int n, c, groups;
  WindowAxis rows, columns;
};

class PixelConv {
 public:
  PixelConv(const PixelConvShape& shape, Isa isa);
  void forward(const float* x, const float* k, float* y, Pool& pool) const;
  void input_grad(const float* k, const float* dy, float* dx, Pool& pool) const;
  void kernel_grad(const float* x, const float* dy, float* dk, Pool& pool) const;

 private:
  template <class F>
  void each_pixel(Pool& pool, int h, int w, F&& body) const;
  PixelWindow window(const WindowTaps& rows, const WindowTaps& columns, int i, int j, int width) const;

  PixelConvShape s_;
  const PixelConvTable& isa_;
  WindowTaps rows_, columns_, rows_back_, columns_back_;
  int64_t x_image_, k_image_, y_image_;  // floats
  int taps_, depth_;                     // of a kernel; channels of a group
};

}  // namespace fovea::kernels
