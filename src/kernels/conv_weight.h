// The gradient of a convolution's weights: dw[o, u, v, :] = sum over pixels of dy[pixel, o] * x[pixel under (u, v), :].
// A tile is some output channels x a panel of input channels; its sum runs over the pixels of some image rows.
// A small dw is summed in a number of splits that the shape alone decides, then the splits are added in order: the bits
// do not depend on the threads.
#pragma once
#include <cstddef>
#include <vector>

#include "base/threads.h"
#include "kernels/gemm_tile.h"
#include "kernels/shapes.h"

namespace fovea::kernels {

class WeightConv {
 public:
  WeightConv(const ConvShape& shape, Isa isa, int threads);

  const char* name() const { return padded_ ? "pixels, padded rows" : "pixels"; }
  size_t workspace_bytes() const;
  void run(const float* x, const float* dy, float* dw, void* work, Pool& pool) const;

 private:
  // The part of dw that one operand panel of x makes: a tap (or with padded rows all taps of a kernel row) x some channels.
  struct Strip {
    int u, v;
    int x_offset, cols;  // floats from the pixel under (u, 0), and how many
    int out_c, outs;     // the output channels that see them
    int64_t c_offset;    // in a row of the sum
    bool same_operand(const Strip& s) const { return u == s.u && v == s.v && x_offset == s.x_offset; }
  };
  struct Ahead;
  struct Space;
  struct Job;

  void add_strips();
  void split_work();
  bool reduces() const { return splits_ > 1 || joined_ > 1; }
  int64_t sum_row() const { return int64_t{shape_.kh} * shape_.kw * panel_in_; }
  Space space(void* work, int thread) const;
  void run_task(const Job& job, int64_t split, int64_t group, Space& space) const;
  void run_chunk(const Job& job, int64_t chunk, int64_t begin, int64_t end, bool first, Space& space) const;
  void run_strip(int64_t index, bool follows, int64_t terms, int64_t pixels, bool first, Space& space) const;
  void fetch_ahead(Tile& tile, Space& space) const;
  int64_t point(const Job& job, int64_t row0, int64_t rows, int u, Space& space) const;
  void copy_padded(const Job& job, int64_t row0, int64_t rows, Space& space) const;
  void reduce(const float* sums, float* dw, int64_t begin, int64_t end) const;

  ConvShape shape_;
  const TileSet& tiles_;
  int threads_;
  bool pointwise_;  // 1x1 without stride or border: all pixels are one row
  bool padded_;     // few channels: rows are copied with zeros at their ends, and a strip covers a whole kernel row
  int joined_;      // groups whose channels share a strip (only the diagonal blocks of it are wanted)
  int panel_in_, panel_out_;  // channels of the joined groups
  std::vector<Strip> strips_;
  int64_t chunks_, chunk_rows_, chunk_pixels_ = 0;
  int64_t splits_ = 1, strip_groups_ = 1;
  bool copies_ = false;  // x's part of a strip is copied together
  int64_t panel_floats_ = 0;
  size_t thread_bytes_ = 0;
};

}  // namespace fovea::kernels
