// Depthwise convolution of small windows, 3x3 and 5x5 of stride 1 or 2. Windows so small cost as much to read as to
// multiply: a tile of some rows x columns of pixels goes through all channels, so that memory is read as it lies, and loads
// every source pixel once for all its taps. depthwise.h takes any window, a few channels at a time. x [n,h,w,c], y
// [n,oh,ow,c], w [c,k,k].
#pragma once
#include <cstddef>
#include <vector>

#include "base/threads.h"
#include "kernels/depthwise_small_table.h"
#include "kernels/depthwise_walk.h"
#include "kernels/epilogue.h"
#include "kernels/shapes.h"

namespace fovea::kernels {

// How the pixels of a result lie over those of its source.
struct SmallGeometry {
  struct Axis {
    int source, result, pad;
  };
  SmallWindow window;
  int k, images, channels;
  Axis rows, columns;

  int first(const Axis& axis, int at) const;  // source pixel of a tile that begins at `at`
  int64_t step(int results) const;            // floats of the source under so many columns
};

// y from x, or the gradient of x from that of y.
class DepthwiseSmall {
 public:
  // Why it does not take a shape, or null; why it does not or is slower there than the kernel for any window, or null.
  static const char* cannot(const ConvShape& shape, Direction direction);
  static const char* refuses(const ConvShape& shape, Direction direction);
  DepthwiseSmall(const ConvShape& shape, Direction direction, Isa isa, int threads);

  const char* name() const { return "depthwise_small"; }
  size_t packed_floats() const { return packing_.floats(); }
  size_t workspace_bytes() const { return 0; }
  void pack(const float* w, float* packed, Pool& pool) const;
  void run(const float* in, const float* packed, float* out, void* work, Pool& pool, const Epilogue* epilogue) const;
  // Output pixels [first, first + count), whole rows of one image, on the calling thread. Forward only.
  size_t part_workspace_bytes() const { return 0; }
  void run_part(const float* in, const float* packed, float* out, void* work, int64_t first, int64_t count,
                const Epilogue* epilogue) const;

 private:
  struct Part {
    int64_t image;
    int row, end;  // of the result
    int64_t channel, stop;
  };
  void run_rows(const float* in, const float* packed, float* out, const Part& part, const Epilogue* epilogue) const;

  SmallGeometry geometry_;
  const SmallTable::Tiles& tiles_;
  DepthwisePacking packing_;
  int64_t bands_, groups_;  // of rows and channels: what is divided among the threads
  std::vector<float> zeros_;
};

// The gradient of the weights. Rows are cut into parts by the shape alone, whose sums are added in their order.
class DepthwiseSmallWeight {
 public:
  static const char* cannot(const ConvShape& shape);
  static const char* refuses(const ConvShape& shape);
  DepthwiseSmallWeight(const ConvShape& shape, Isa isa, int threads);

  const char* name() const { return "depthwise_small"; }
  size_t workspace_bytes() const { return packing_.floats() * static_cast<size_t>(parts_) * sizeof(float); }
  void run(const float* x, const float* dy, float* dw, void* work, Pool& pool) const;

 private:
  void one_unit(const float* x, const float* dy, float* sums, int64_t part, int64_t group) const;

  SmallGeometry geometry_;
  const SmallTable::Tiles& tiles_;
  DepthwisePacking packing_;
  int64_t bands_, parts_, groups_, group_;  // group_: channels
  std::vector<float> zeros_;
};

}  // namespace fovea::kernels
