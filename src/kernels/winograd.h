// Winograd's convolution (arXiv:1509.09308) for dense 3x3 kernels of stride 1: F(2x2, 3x3) multiplies 2.25 times less than
// the direct kernel, F(4x4, 3x3) 4 times less. y[n,oh,ow,o] = x[n,h,w,c] * w[o,3,3,c], then the epilogue.
// Input tiles are transformed into t x t matrices [tiles, c], multiplied with the transformed weights [c, o], and
// transformed back. Bits do not depend on the threads. The gradient of x is such a convolution too: of y's, with the kernel
// turned around.
#pragma once
#include <cstddef>
#include <vector>

#include "base/cpu.h"
#include "base/threads.h"
#include "kernels/epilogue.h"
#include "kernels/gemm_tile.h"
#include "kernels/shapes.h"
#include "kernels/winograd_table.h"

namespace fovea::kernels {

// What is computed: the shape itself, or that of the convolution that makes the gradient of its x.
ConvShape winograd_shape(const ConvShape& shape, Direction direction);

// Why no kernel of this method computes a shape, or null.
const char* winograd_cannot(const ConvShape& shape);

// Why this kernel does not take a shape or is not worth it there, or null when it is. images: how many at once are counted
// on. One where a picture's answer must not depend on its company; the number of threads never changes the bits.
const char* winograd_refuses(const ConvShape& shape, int images = 1);

// Whether a run wins more than it costs to transform the weights.
bool winograd_pays_packing(const ConvShape& shape);

// The outputs of a tile in each direction that a shape is best served with: 2 or 4.
int winograd_tile(const ConvShape& shape, int images = 1);

// |error| <= winograd_error(tile) * 2^-24 * max |x| * the largest sum of |w| over the taps of an output channel. Measured
// over 2000 random shapes (1 to 512 channels, uniform, normal and nearly constant inputs) on all instruction sets: at most
// 3.9 for 2 and 11.8 for 4, where the direct kernel reaches 3.8. A value that is not finite spoils its whole tile.
constexpr double winograd_error(int tile) { return tile == 2 ? 6 : 18; }

class Winograd {
 public:
  // tile: outputs of a tile in each direction, 2 or 4; 0: what the shape is best served with.
  Winograd(const ConvShape& shape, Direction direction, Isa isa, int threads, int tile = 0);

  const char* name() const { return tile_ == 4 ? "winograd 4x4" : "winograd 2x2"; }
  size_t packed_floats() const;
  void pack(const float* w, float* packed, Pool& pool) const;  // packed: 64-byte aligned
  size_t workspace_bytes() const { return threads_ * thread_bytes_; }
  void run(const float* x, const float* packed, float* y, void* work, Pool& pool, const Epilogue* epilogue) const;

 private:
  // Output channels of one register tile's width.
  struct Panel {
    int out_c, cols, width;
    size_t offset;  // of its transformed weights [points][c][width]
  };
  struct Space;  // one thread's workspace
  struct Job;    // one run

  void split_work();
  int points() const { return (tile_ + 2) * (tile_ + 2); }
  Space space(void* work, int thread) const;
  void pack_channel(const Panel& panel, int64_t k, const float* w, float* packed) const;
  void run_block(const Job& job, int64_t block, int64_t group, const Space& space) const;
  void transform(const Job& job, int64_t first, int64_t tiles, const Space& space) const;
  void multiply(const Job& job, int64_t tiles, const Panel& panel, const Space& space) const;
  void finish(const Job& job, int64_t first, int64_t tiles, const Panel& panel, const Space& space) const;

  ConvShape shape_;  // winograd_shape
  Direction direction_;
  const TileSet& set_;
  int threads_, tile_;
  const WinogradTable::Transforms& transforms_;
  int64_t rows_, columns_, tiles_;  // of tiles in an image; tiles of all images
  std::vector<Panel> panels_;
  int64_t blocks_, groups_;     // of tiles and of panels: what is divided among the threads
  int64_t block_tiles_;         // of the largest block
  int64_t in_tile_, out_tile_;  // floats of a tile: its transformed input, its products with a panel
  size_t thread_bytes_;
  std::vector<float> zeros_;  // a pixel outside the image
};

}  // namespace fovea::kernels
