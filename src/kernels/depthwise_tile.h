// What the driver hands to the depthwise kernels of an ISA: plain numbers, so that their files need no shared code.
#pragma once
#include <cstdint>

#include "kernels/epilogue.h"
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

// A tile walking down some rows of the image: what it read of a row is still in L1 when the next one wants it.
struct DepthwiseStrip {
  const float* x;         // channel block at row 0, column 0 of the image
  float* y;               // channel block at the first pixel of the strip
  float* w;               // packed weights of the block [kh][kw][lanes]; written by the weight gradient only
  const WindowTap* taps;  // kernel rows and the input rows that they meet, of row r: [begin[r], begin[r + 1])
  const int* begin;
  const DepthwisePiece* pieces;
  int height, npieces;
  int64_t x_row, x_column, x_step;  // floats from an input row, column, pixel q to the next
  int64_t y_row, y_step;            // floats from a row, a pixel of the tile to the next
  int64_t w_row;                    // floats from a kernel row to the next
  int channels;                     // 1..lanes
  bool ahead;                       // rows are asked for before their turn
  TileFinish finish;
};

// Kernels by the width of the tile - 1.
struct DepthwiseTable {
  int lanes;
  int pixels;                                                // widest tile
  void (*forward[kDepthwisePixels])(const DepthwiseStrip&);  // y = the strip's outputs
  void (*weights[kDepthwisePixels])(const DepthwiseStrip&);  // w += the strip's share, y being its gradient
  // d = `pixels` pixels of `channels` channels, `stride` floats apart in s and a register apart in d.
  void (*copy)(float* d, const float* s, int64_t pixels, int64_t stride, int64_t channels);
  // d [cols, rows] = scale * s' (+ d), s [rows, cols].
  void (*transpose)(float* d, int64_t ldd, const float* s, int64_t lds, int64_t rows, int64_t cols, float scale, bool add);
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
