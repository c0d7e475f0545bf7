// Register tiles: the innermost loops of every dense product here (convolution, its gradients, matmul).
// A tile is NR rows x up to MR vectors of C kept in registers while the sum runs over `terms` x `depth`. The operands are
// found through pointers, so a convolution needs no im2col: a row of B is a pixel wherever it lies, or a row of zeros.
#pragma once
#include <cstdint>

#include "base/cpu.h"
#include "kernels/epilogue.h"

namespace fovea::kernels {

// C[r][0, cols) (+)= sum over t < terms, k < depth of  B(t, r, k) * A(t, k)[0, cols)
//   A(t, k) = a[t] + a_offset + k * lda
//   C[r]    = c[r] + c_offset
//   B(t, r, k) = (b[t * b_step + r] + b_offset)[k]          rows form: every row has its own pointer (pixels of an image)
//   B(t, r, k) = (b[t] + b_offset)[k * ldb + r]             columns form: rows side by side (a transposed operand)
// The sum of an element is taken in the order of (t, k) in one accumulator whatever the tiling: bits do not depend on it.
struct Tile {
  const float* const* a;
  const float* const* b;
  float* const* c;
  int64_t a_offset, b_offset, c_offset;  // floats
  int64_t lda;
  int64_t b_step;  // rows form
  int64_t ldb;     // columns form
  int64_t terms, depth;
  const char* ahead;   // from here on, memory is fetched into L2
  int64_t ahead_step;  // bytes per (t, k); 0: none
  int cols;            // 1 ... vectors * lanes
  bool accumulate;     // false: C is written without being read
  TileFinish finish;
};

using TileFn = void (*)(const Tile&);

// A run of pixels of one output row, with all taps of the kernel rows above them:
// C[r][0, cols) = sum over t < terms, k < depth, v < taps of  b[t][(r * step + v) * ldb + k] * a[t][(v * depth + k) * lda]
// An input pixel lies under several taps: its value is spread over a vector once for all of them, which is what bounds
// the tiles above where there are few channels. The order of an element's sum is (t, groups of taps, k, v).
struct LineTile {
  const float* const* a;
  const float* const* b;
  float* c;     // C[r] = c + r * ldc
  int64_t ldc;  // floats
  int64_t lda, ldb;
  int64_t terms, depth;
  int taps, step;
  int cols;  // 1 ... vectors * lanes
  TileFinish finish;
};

using LineFn = void (*)(const LineTile&);

// The tiles of one instruction set.
struct TileSet {
  static constexpr int kMaxVectors = 4, kMaxRows = 16;
  int lanes;                        // floats in a vector
  int vectors;                      // the widest tile: vectors * lanes columns
  int rows_form_rows[kMaxVectors];  // the most rows of a tile of 1 + i vectors
  int columns_form_rows[kMaxVectors];
  TileFn rows_form[kMaxVectors][kMaxRows];  // [vectors - 1][rows - 1]
  TileFn columns_form[kMaxVectors][kMaxRows];
  static constexpr int kLineVectors = 2, kLineSteps = 3;
  int line_pixels[kLineVectors];                    // the most pixels of a line tile of 1 + i vectors
  int line_channels[2];                             // up to here lines beat tiles of a single tap: step 1, other steps
  LineFn line[kLineSteps][kLineVectors][kMaxRows];  // [step if it is 1 or 2, else 0][vectors - 1][pixels - 1]

  int width() const { return lanes * vectors; }
  int vectors_for(int cols) const { return (cols + lanes - 1) / lanes; }
};

const TileSet& tile_set(Isa isa);

// n things in the fewest parts of at most `most`, equal to within one: where part i begins. No small remainder, which
// would leave a tile too few accumulators to hide the latency of the FMA.
struct Parts {
  int64_t n, count;
  Parts(int64_t items, int64_t most) : n(items), count((items + most - 1) / most) {}
  int64_t begin(int64_t i) const { return n * i / count; }
  int64_t end(int64_t i) const { return n * (i + 1) / count; }
  int64_t size(int64_t i) const { return end(i) - begin(i); }
};

}  // namespace fovea::kernels
