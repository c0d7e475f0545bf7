// Dense convolution and its two gradients, NHWC x OHWI, any kernel, stride, dilation, padding and number of groups.
// All three are sums of register tiles (gemm_tile.h) over pixels found through pointers. Objects are made at plan time
// for one shape and instruction set; run() neither allocates nor throws, and its bits do not depend on the threads.
// A linear layer y[m,out] = x[m,in] w[out,in]^T is the 1x1 convolution of a 1 x m image.
#pragma once
#include <cstddef>
#include <memory>

#include "base/cpu.h"
#include "base/threads.h"
#include "kernels/epilogue.h"
#include "kernels/shapes.h"

namespace fovea::kernels {

class GatherConv;
class WeightConv;

// y[n,oh,ow,o] = x[n,h,w,c] * w[o,kh,kw,c/groups], then the epilogue on every finished block.
class ConvForward {
 public:
  static std::unique_ptr<ConvForward> make(const ConvShape& shape, Isa isa, int threads);
  ~ConvForward();

  const char* name() const;                                    // for `bench --layers`
  size_t packed_floats() const;                                // of the weights in the order of the tiles
  void pack(const float* w, float* packed, Pool& pool) const;  // packed: 64-byte aligned
  size_t workspace_bytes() const;
  void run(const float* x, const float* packed, float* y, void* work, Pool& pool, const Epilogue* epilogue) const;
  // Output pixels [first, first + count), whole rows of one image, on the calling thread.
  size_t part_workspace_bytes() const;
  void run_part(const float* x, const float* packed, float* y, void* work, int64_t first, int64_t count,
                const Epilogue* epilogue) const;

 private:
  explicit ConvForward(std::unique_ptr<GatherConv> gather);
  std::unique_ptr<GatherConv> gather_;
};

// dx[n,h,w,c] from dy[n,oh,ow,o] and w; shape is that of the forward convolution.
class ConvBackwardData {
 public:
  static std::unique_ptr<ConvBackwardData> make(const ConvShape& shape, Isa isa, int threads);
  ~ConvBackwardData();

  const char* name() const;
  size_t packed_floats() const;
  void pack(const float* w, float* packed, Pool& pool) const;
  size_t workspace_bytes() const;
  void run(const float* dy, const float* packed, float* dx, void* work, Pool& pool) const;

 private:
  explicit ConvBackwardData(std::unique_ptr<GatherConv> gather);
  std::unique_ptr<GatherConv> gather_;
};

// dw[o,kh,kw,c/groups] from x and dy.
class ConvBackwardWeight {
 public:
  static std::unique_ptr<ConvBackwardWeight> make(const ConvShape& shape, Isa isa, int threads);
  ~ConvBackwardWeight();

  const char* name() const;
  size_t workspace_bytes() const;
  void run(const float* x, const float* dy, float* dw, void* work, Pool& pool) const;

 private:
  explicit ConvBackwardWeight(std::unique_ptr<WeightConv> weight);
  std::unique_ptr<WeightConv> weight_;
};

}  // namespace fovea::kernels
