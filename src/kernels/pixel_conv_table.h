// What each ISA offers to convolutions with a kernel for every pixel: sums over a window's pixels.
#pragma once
#include <cstdint>

#include "kernels/window_tap.h"

namespace fovea::kernels {

// The pixels that a pixel meets: every pair of a row and a column.
struct PixelWindow {
  const WindowTap *rows, *columns;
  int nrows, ncolumns;
  int kw;                             // the pair's weight is number row.tap * kw + column.tap
  int64_t row, column;                // floats from a row, column of values to the next
  int64_t weight_row, weight_column;  // and of weights, 0 where all pairs use the kernel of one pixel
};

// The channels of a pixel, and the numbers of a group's kernel.
struct PixelGroups {
  int64_t count, channels, taps;
};

struct PixelConvTable {
  // d[i] = the sum of weight * values[i] over the window, for the channels i of all groups.
  void (*sums)(float* d, const float* values, const float* weights, const PixelWindow& w, const PixelGroups& groups);
  // d[tap] = values . with over n channels, for all pairs.
  void (*dots)(float* d, const float* values, const float* with, const PixelWindow& w, int64_t n);
};

namespace portable {
extern const PixelConvTable pixel_conv;
}
namespace avx2 {
extern const PixelConvTable pixel_conv;
}
namespace avx512 {
extern const PixelConvTable pixel_conv;
}

}  // namespace fovea::kernels
