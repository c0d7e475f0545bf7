// Moving data: strided copies (permute, slice, concatenate, broadcast) and filling.
#pragma once
#include <cstdint>
#include <vector>

#include "base/threads.h"

namespace fovea::kernels {

// dst[sum i_d * dst_stride_d] = src[sum i_d * src_stride_d] for all i below dims. Rank at most 8; strides in floats, not
// negative; a source stride of 0 broadcasts, destination elements are distinct. An offset (slice, concatenation) is the
// caller's pointer.
class StridedCopy {
 public:
  struct Dim {
    int64_t size, dst, src;
  };

  StridedCopy(const std::vector<int64_t>& dims, const std::vector<int64_t>& dst_strides,
              const std::vector<int64_t>& src_strides);

  void run(float* dst, const float* src, Pool& pool) const;

 private:
  enum class Way { runs, transpose, strided };

  void run_unit(float* dst, const float* src, int64_t unit) const;

  std::vector<Dim> outer_;       // looped over
  Dim a_{1, 1, 1}, b_{1, 1, 1};  // innermost of dst; innermost of src (transpose), or the dimension before a_
  Way way_;
  int64_t a_step_, b_step_;  // a unit of work: a piece of a_ x b_
  int64_t units_;
};

void fill(float* dst, float value, int64_t n, Pool& pool);

}  // namespace fovea::kernels
