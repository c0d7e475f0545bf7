// What an instruction set offers to depthwise convolutions of small windows: tiles of pixels that loop over the channels.
#pragma once
#include <cstdint>

#include "kernels/epilogue.h"

namespace fovea::kernels {

// Which pixels of the source a pixel of the result reads: its own and those around it; every second; or, for the gradient of
// a convolution of stride 2, every other tap of every pixel, beginning with the even or the odd ones.
enum class SmallWindow : uint8_t { dense, strided, even, odd };

// Tiles of some rows x columns, side by side in one image. A window's pixels are found through pointers, those outside the
// image at zeros.
struct SmallTiles {
  const float* const* x;  // [source rows][source columns] pixels of the first tile
  const float* w;         // packed weights [blocks][k][k][lanes]; written by the weight gradient
  float* y;               // the first tile's first pixel
  int64_t y_row, y_column;
  int64_t first, end;  // channels, from a multiple of the lanes on
  int64_t tiles, x_step, y_step;
  TileFinish finish;
};

// Pixels of the source that so many pixels of the result read along an axis.
constexpr int small_pixels(SmallWindow window, int k, int results) {
  if (window == SmallWindow::dense) return results - 1 + k;
  if (window == SmallWindow::strided) return (results - 1) * 2 + k;
  const int phase = window == SmallWindow::odd;
  return (results - 1 + phase) / 2 + (k - 1 - phase) / 2 + 1;
}

constexpr int kSmallMost = 4;  // rows and columns of the largest tile

struct SmallTable {
  struct Tiles {
    int rows, columns;                                        // of the largest; 0: none
    void (*tile[kSmallMost][kSmallMost])(const SmallTiles&);  // [rows - 1][columns - 1]
  };
  int lanes;
  // of kernel size 3 + 2 * i, by SmallWindow
  Tiles sums[2][4];
  Tiles weights[2][4];  // w += the tile's share, y being its gradient
};

namespace portable {
extern const SmallTable depthwise_small;
}
namespace avx2 {
extern const SmallTable depthwise_small;
}
namespace avx512 {
extern const SmallTable depthwise_small;
}

}  // namespace fovea::kernels
