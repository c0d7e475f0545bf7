// The gradient of the weights of a dense 3x3 convolution of stride 1 by Winograd's method (winograd.h) turned around:
// dw[o,3,3,c] = G' [ sum over tiles of (B' x B) * (A dy A') ] G. A tile is 6x6 pixels of x under 4x4 of dy. At each of its
// 36 points the sum over the tiles is a matrix product, [o, tiles] x [tiles, c]: 4 times fewer multiplications than the
// direct kernel's. (Tiles of 2x2 are slower wherever they were measured.)
// The tiles are summed in a number of splits that the shape alone decides, then the splits are added in order: the bits do
// not depend on the threads.
#pragma once
#include <cstddef>
#include <vector>

#include "base/threads.h"
#include "kernels/gemm_tile.h"
#include "kernels/shapes.h"
#include "kernels/winograd_table.h"
#include "kernels/winograd_tiles.h"

namespace fovea::kernels {

// Why this kernel does not take a shape or is not worth it there, or null when it is.
const char* winograd_weight_refuses(const ConvShape& shape);

// |error| <= winograd_weight_error(shape) * 2^-24 * max |x| * the largest sum of |dy| over the pixels of an output channel.
// It grows with the longest sum, of tiles and of splits. Measured over 11600 random shapes on all instruction sets: at most
// 33 of few tiles that hold few pixels, and 103 of 127 tiles of equal pixels, whose roundings all go one way.
double winograd_weight_error(const ConvShape& shape);

class WinogradWeight {
 public:
  static constexpr int kTile = 4, kPoints = (kTile + 2) * (kTile + 2);

  WinogradWeight(const ConvShape& shape, Isa isa, int threads);

  const char* name() const { return "winograd 4x4"; }
  size_t workspace_bytes() const;
  void run(const float* x, const float* dy, float* dw, void* work, Pool& pool) const;

 private:
  // x or dy: its tiles, and how they are transformed.
  struct Operand {
    TileMap tiles;
    void (*transform)(const float* const* tile, float* to, int64_t step, int64_t channels);
    Parts blocks;       // of channels, in vectors
    int64_t width = 0;  // floats of a block
    int64_t step = 0;   // floats from point to point of a chunk of transformed tiles
  };
  // Channels of a block.
  struct Range {
    int64_t begin, count;
  };
  struct Space;  // one thread's workspace
  struct Job;    // one run

  void split_work();
  int64_t dw_floats() const { return int64_t{9} * shape_.o * shape_.c; }
  Space space(void* work, int thread) const;
  Range range(const Operand& operand, int64_t block) const;
  void run_task(const Job& job, int64_t split, int64_t in_block, int64_t out_block, const Space& space) const;
  void transform(const Operand& operand, const float* data, Range channels, int64_t first, int64_t tiles, float* to) const;
  void multiply(int64_t tiles, int64_t ins, int64_t outs, bool first, const Space& space) const;
  void add_splits(const float* sums, float* dw, int64_t begin, int64_t end) const;

  ConvShape shape_;
  const TileSet& set_;
  int threads_;
  const WinogradTable::Gradient& transforms_;
  Operand x_, dy_;
  int64_t tiles_, splits_, chunk_tiles_ = 0;
  size_t thread_bytes_ = 0;
  std::vector<float> zeros_;  // a pixel outside the image
};

}  // namespace fovea::kernels
