// Depthwise convolution: every channel has its own window. Any window, stride, dilation, padding and channel count.
// x [n,h,w,c], y [n,oh,ow,c], w [c,kh,kw] (OHWI with one input channel). The shape must be depthwise().
#pragma once
#include <cstddef>

#include "base/threads.h"
#include "kernels/depthwise_walk.h"
#include "kernels/epilogue.h"

namespace fovea::kernels {

// y from x, or the gradient of x from that of y: the same walk over another plan.
// Threads share (image, strip of rows, channel block) evenly, in this order.
class DepthwiseConv {
 public:
  DepthwiseConv(const ConvShape& shape, Direction direction, Isa isa, int threads);

  const char* name() const { return name_; }
  size_t packed_floats() const { return packing_.floats(); }
  size_t workspace_bytes() const { return scratch_ * static_cast<size_t>(threads_) * sizeof(float); }
  void pack(const float* w, float* packed, Pool& pool) const;
  void run(const float* in, const float* packed, float* out, void* work, Pool& pool, const Epilogue* epilogue) const;
  // Output pixels [first, first + count), whole rows of one image, on the calling thread.
  size_t part_workspace_bytes() const { return scratch_ * sizeof(float); }
  void run_part(const float* in, const float* packed, float* out, void* work, int64_t first, int64_t count,
                const Epilogue* epilogue) const;

 private:
  void one_strip(const float* in, const float* packed, float* out, float* scratch, int64_t strip, int block, int stop,
                 const Epilogue* epilogue) const;
  void some_rows(const float* in, const float* packed, float* out, float* scratch, int64_t image, int row, int height,
                 int block, int stop, const Epilogue* epilogue) const;

  DepthwiseWalk walk_;
  DepthwisePacking packing_;
  const char* name_;
  int64_t strips_;
  size_t scratch_;  // floats of a thread
  int threads_;
};

// The gradient of the weights. The output rows are cut into parts by the shape alone, so that any number of threads adds in
// the same order; a thread takes one part of a few channel blocks whose sums stay in L1.
class DepthwiseWeightConv {
 public:
  DepthwiseWeightConv(const ConvShape& shape, Isa isa, int threads);

  const char* name() const { return name_; }
  size_t workspace_bytes() const {
    return (packing_.floats() * static_cast<size_t>(parts_) + scratch_ * static_cast<size_t>(threads_)) * sizeof(float);
  }
  void run(const float* x, const float* dy, float* dw, void* work, Pool& pool) const;

 private:
  void one_unit(const float* x, const float* dy, float* sums, float* scratch, int64_t part, int group) const;

  DepthwiseWalk walk_;
  DepthwisePacking packing_;
  const char* name_;
  int group_, groups_, threads_;
  int64_t parts_;
  size_t scratch_;  // floats of a thread
};

}  // namespace fovea::kernels
