// Convolution in window order (arXiv:2306.14316): the rows of the image under a band of output rows are copied once to
// [output row][column][kh][c], so that the window of every output pixel is one contiguous slice, of kw columns, and
// neighbouring windows share all but a stride of it. The slices are the rows of a product with the weights [kw][kh][c][o].
// Dense kernels of any size, stride and padding, without dilation along the columns. The gradient of x at stride 1 is such a
// convolution too. Bits do not depend on the threads.
#pragma once
#include <cstddef>
#include <vector>

#include "base/threads.h"
#include "kernels/epilogue.h"
#include "kernels/gemm_tile.h"
#include "kernels/shapes.h"

namespace fovea::kernels {

// Why it does not take a shape, or null; why it does not or is no faster there than the direct kernel.
const char* im2win_cannot(const ConvShape& shape, Direction direction);
const char* im2win_refuses(const ConvShape& shape, Direction direction);

class Im2win {
 public:
  Im2win(const ConvShape& shape, Direction direction, Isa isa, int threads);

  const char* name() const { return "im2win"; }
  size_t packed_floats() const { return static_cast<size_t>(depth_ * panels_.count * width_); }
  size_t workspace_bytes() const { return threads_ * thread_bytes_; }
  void pack(const float* w, float* packed, Pool& pool) const;  // packed: 64-byte aligned
  void run(const float* x, const float* packed, float* y, void* work, Pool& pool, const Epilogue* epilogue) const;

 private:
  struct Band {
    int64_t image;
    int row, rows;  // of the output
  };
  Band band(int64_t at) const;
  void copy_windows(const float* x, const Band& band, float* windows) const;
  void multiply(const float* packed, float* y, const Band& band, const float* windows, const float** rows,
                float** results) const;

  ConvShape shape_;  // of the convolution that is computed
  Direction direction_;
  const TileSet& set_;
  Parts panels_;           // of output channels, in vectors
  int64_t width_, depth_;  // floats of a panel, of a window
  int64_t columns_;        // of the image with its padding
  int band_rows_, bands_;  // of an image
  int64_t window_floats_;  // of a band, so that what follows is aligned
  size_t threads_, thread_bytes_;
  std::vector<float> zeros_;  // a pixel outside the image
};

}  // namespace fovea::kernels
