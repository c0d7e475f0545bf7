// What the driver hands to the depthwise kernels of an ISA: plain numbers, so that their files need no shared code.
#pragma once
#include <cstdint>

#include "kernels/window_tap.h"

namespace fovea::kernels {

constexpr int kDepthwiseTaps = 8;     // most taps of a piece
constexpr int kDepthwisePixels = 14;  // most pixels of a tile

// Taps of one kernel row that read neighbouring pixels, against one tile of pixels: tap t of tile pixel j is
// input pixel q = j + t.
struct DepthwisePiece {
  int32_t column;   // input column of q = 0; may lie outside the image
  int16_t taps;     // 1..kDepthwiseTaps
  int16_t first;    // its first packed tap within the kernel row
  uint32_t inside;  // bit q: input pixel q exists
};

struct DepthwiseTile {
  const float* x;         // channel block at row 0, column 0 of the image
  float* y;               // channel block at the first pixel of the tile
  float* w;               // packed weights of the block [kh][kw][lanes]; written by the weight gradient only
  const WindowTap* rows;  // kernel rows, and the input rows that they meet
  const DepthwisePiece* pieces;
  int nrows, npieces;
  int64_t x_row, x_column, x_step;  // floats from an input row, column, pixel q to the next
  int64_t y_step;                   // floats from a pixel of the tile to the next
  int64_t w_row, w_block;           // floats from a kernel row, channel block to the next
  int blocks;                       // channel blocks of `lanes` channels
  int last;                         // channels in the last of them, 1..lanes
};

// Kernels by the width of the tile - 1.
struct DepthwiseTable {
  int lanes;
  int pixels;                                               // widest tile
  void (*forward[kDepthwisePixels])(const DepthwiseTile&);  // y = the tile's outputs
  void (*weights[kDepthwisePixels])(const DepthwiseTile&);  // w += the tile's share, y being its gradient
};

namespace portable {
extern const DepthwiseTable depthwise;
}
namespace avx2 {
extern const DepthwiseTable depthwise;
}
namespace avx512 {
extern const DepthwiseTable depthwise;
}

}  // namespace fovea::kernels
