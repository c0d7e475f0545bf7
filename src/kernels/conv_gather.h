// Dense convolution and the gradient of its input, NHWC x OHWI, any kernel, stride, dilation, padding and number of groups.
// Objects are made at plan time for one shape and instruction set; run() neither allocates nor throws, and its bits do not
// depend on the threads. A linear layer y[m,out] = x[m,in] w[out,in]^T is the 1x1 convolution of a 1 x m image.
//
// The one loop nest behind both: every output pixel gathers input pixels
// through a table of pointers (rows outside the image point to zeros), and packed weights are its other operand.
// The gradient of a stride-s convolution falls apart into s x s phases, each a stride-1 gather of its own taps.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "base/threads.h"
#include "kernels/epilogue.h"
#include "kernels/gemm_tile.h"
#include "kernels/int8.h"
#include "kernels/operand.h"
#include "kernels/shapes.h"

namespace fovea::kernels {

class GatherConv {
 public:
  // bf16: forward only.
  GatherConv(const ConvShape& shape, Direction direction, Isa isa, int threads, Precision precision = Precision::f32)
      : GatherConv(shape, direction, threads, operand(precision, isa)) {}
  // Forward in bytes: int8.h.
  GatherConv(const ConvShape& shape, Isa isa, int threads, const Quantization& x)
      : GatherConv(shape, Direction::forward, threads, int8_operand(isa, x)) {}

  std::string name() const;
  size_t packed_floats() const { return packed_floats_; }  // of the weights in the order of the tiles; 64-byte aligned
  size_t workspace_bytes() const { return threads_ * thread_bytes_; }
  void pack(const float* w, float* packed, Pool& pool) const;
  // The epilogue, if any, takes every finished block of a convolution that is forward or of stride 1.
  void run(const float* in, const float* packed, float* out, void* work, Pool& pool, const Epilogue* epilogue) const;
  // Output pixels [first, first + count), whole rows of one image, on the calling thread. Forward only.
  size_t part_workspace_bytes() const { return thread_bytes_; }
  void run_part(const float* in, const float* packed, float* out, void* work, int64_t first, int64_t count,
                const Epilogue* epilogue) const;

 private:
  struct Tap {
    int dy, dx;  // input pixel = (q * in_step) + this
    int u, v;    // its place in the kernel
  };
  // A part of the reduction whose weights stay in L2 while all pixels of a chunk pass: terms [t0, t1) x depth [k0, k1).
  struct Slice {
    int t0, t1, k0, k1;
  };
  // Output pixels (y0 + qy * out_step, x0 + qx * out_step), which share their taps.
  struct Phase {
    int y0, x0, rows, cols;
    std::vector<Tap> taps;  // by dy, then dx
    int terms, depth;       // a term is a tap, or with padded rows all taps of one dy
    int64_t padded_cols;    // pixels of a padded row
    int taps_x() const { return terms ? static_cast<int>(taps.size()) / terms : 0; }  // of a term, with padded rows
    size_t packed;                                                                    // where its weights begin
    std::vector<Slice> slices;
    int64_t chunks, chunk_pixels, panel_groups;
  };
  // Output channels of one tile's width, and the input channels (of one group) that they see.
  struct Panel {
    int in_c, out_c, cols, width;
    size_t offset;  // padded columns before it
  };
  struct Space;  // one thread's workspace
  struct Job;    // one run

  GatherConv(const ConvShape& shape, Direction direction, int threads, const Operand& operand);
  void add_phases();
  void add_panels();
  void split_depth(Phase& phase) const;
  void split_work(Phase& phase);
  void split_rows(Phase& phase);
  void round_weights(const float* w, float* words, float* packed, Pool& pool) const;
  void pack_panel(const Phase& phase, const Panel& panel, const float* w, float* packed) const;
  Space space(void* work, int thread) const;
  void run_chunk(const Job& job, const Phase& phase, int64_t chunk, int64_t group, Space& space) const;
  int64_t most_rows(const Phase& phase) const;  // of a chunk, with padded rows
  int64_t most_read(const Phase& phase) const;  // input pixels of a chunk
  void run_panel(const Job& job, const Phase& phase, const Panel& panel, int64_t first, int64_t pixels, Space& space) const;
  void fetch_outputs(float* const* out, int64_t pixels, const Panel& panel) const;
  void point(const Job& job, const Phase& phase, int64_t first, int64_t pixels, Space& space) const;
  std::pair<int64_t, int64_t> reads(const Phase& phase, int64_t first, int64_t pixels) const;  // input pixels
  Job staged(Job job, const Phase& phase, int64_t first, int64_t pixels, Space& space) const;
  float* out_pixel(const Job& job, const Phase& phase, int64_t p) const;
  void run_rows(const Job& job, const Phase& phase, int64_t image, int64_t y0, int64_t y1, Space& space) const;
  void copy_padded(const Job& job, const Phase& phase, int64_t image, int64_t y0, int64_t y1, Space& space) const;
  void run_row(const Job& job, const Phase& phase, const Panel& panel, int64_t row, int64_t y, Space& space) const;

  ConvShape shape_;
  bool forward_;
  Operand operand_;
  const TileSet& tiles_;
  int threads_;
  int in_h_, in_w_, in_channels_, out_h_, out_w_, out_channels_;  // in_channels_: words of a pixel
  int in_step_y_, in_step_x_, out_step_y_, out_step_x_;
  int joined_;    // groups that share a panel: block-diagonal weights fill vectors that one small group would not
  int panel_in_;  // input channels of a panel
  bool padded_;   // few channels: rows are copied with zeros around, and line tiles take a whole kernel row at once
  std::vector<Phase> phases_;
  std::vector<Panel> panels_;
  size_t packed_floats_ = 0;
  size_t scales_ = 0;  // of integers: where in the packed weights the scales of the output channels begin, then the offsets
  size_t thread_bytes_ = 0;
  int64_t max_chunk_ = 0, max_terms_ = 0, pad_floats_ = 0;  // pad: copied rows, or the pixels of a chunk rounded
};

}  // namespace fovea::kernels
