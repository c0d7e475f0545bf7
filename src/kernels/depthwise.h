// Depthwise convolution: every channel has its own window. Any window, stride, dilation, padding and channel count.
// x [n,h,w,c], y [n,oh,ow,c], w [c,kh,kw] (OHWI with one input channel).
#pragma once
#include <cstddef>
#include <memory>

#include "base/cpu.h"
#include "base/threads.h"
#include "kernels/epilogue.h"
#include "kernels/shapes.h"

namespace fovea::kernels {

// Why these kernels do not take a shape, or null when they do.
const char* depthwise_refuses(const ConvShape& shape);

// y from x, or the gradient of x from that of y: the same walk over another plan.
class DepthwiseForward {
 public:
  static std::unique_ptr<DepthwiseForward> make(const ConvShape& shape, Isa isa, int threads);  // null if refused
  virtual ~DepthwiseForward() = default;
  virtual const char* name() const = 0;
  virtual size_t packed_floats() const = 0;
  virtual void pack(const float* w, float* packed, Pool& pool) const = 0;
  virtual size_t workspace_bytes() const = 0;
  virtual void run(const float* x, const float* packed, float* y, void* work, Pool& pool,
                   const Epilogue* epilogue) const = 0;
  // Output pixels [first, first + count), whole rows of one image, on the calling thread.
  virtual size_t part_workspace_bytes() const = 0;
  virtual void run_part(const float* x, const float* packed, float* y, void* work, int64_t first, int64_t count,
                        const Epilogue* epilogue) const = 0;
};

class DepthwiseBackwardData {
 public:
  static std::unique_ptr<DepthwiseBackwardData> make(const ConvShape& shape, Isa isa, int threads);  // null if refused
  virtual ~DepthwiseBackwardData() = default;
  virtual const char* name() const = 0;
  virtual size_t packed_floats() const = 0;
  virtual void pack(const float* w, float* packed, Pool& pool) const = 0;
  virtual size_t workspace_bytes() const = 0;
  virtual void run(const float* dy, const float* packed, float* dx, void* work, Pool& pool,
                   const Epilogue* epilogue) const = 0;
};

class DepthwiseBackwardWeight {
 public:
  static std::unique_ptr<DepthwiseBackwardWeight> make(const ConvShape& shape, Isa isa, int threads);  // null if refused
  virtual ~DepthwiseBackwardWeight() = default;
  virtual const char* name() const = 0;
  virtual size_t workspace_bytes() const = 0;
  virtual void run(const float* x, const float* dy, float* dw, void* work, Pool& pool) const = 0;
};

}  // namespace fovea::kernels
