// What each ISA offers to the pooling drivers: sums and maxima of rows of n contiguous floats.
#pragma once
#include <cstdint>

#include "kernels/window_tap.h"

namespace fovea::kernels {

// Positions of a window, or windows of a position: every pair of a row and a column.
struct PoolWindow {
  const WindowTap *rows, *columns;
  int nrows, ncolumns;
  int kw;               // the pair's place in the window is row.tap * kw + column.tap
  int64_t row, column;  // floats from a row, column to the next
};

struct PoolTable {
  // d[i] = the largest of s[k * stride + i], k < count.
  void (*max)(float* d, const float* s, int64_t stride, int count, int64_t n);
  // d[i] = (the sum of scale[taps[k].at] * s[taps[k].at * stride + i], k < count) / divisor; no scale: ones.
  void (*sum)(float* d, const float* s, int64_t stride, const WindowTap* taps, int count, const float* scale, float divisor,
              int64_t n);
  // place[i] = the place, as int32 bits, of the first maximum of x over the window.
  void (*first_max)(float* place, const float* x, const PoolWindow& window, int64_t n);
  // dx[i] = the sum of those gradients whose window has its maximum here.
  void (*gather)(float* dx, const float* place, const float* dy, const PoolWindow& windows, int64_t n);
};

namespace portable {
extern const PoolTable pool;
}
namespace avx2 {
extern const PoolTable pool;
}
namespace avx512 {
extern const PoolTable pool;
}

}  // namespace fovea::kernels
