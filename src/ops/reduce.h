// Sums and maxima over axes. The axes stay, with size 1.
#pragma once
#include "ir/op.h"

namespace fovea {

enum class ReduceKind : uint8_t { sum, max };
const char* enum_name(ReduceKind k);

struct Reduce {
  ReduceKind kind;
  Dims axes;
  FOVEA_ATTR(Reduce, kind, axes)
};

Tensor reduce_sum(Tensor x, const Dims& axes);
Tensor reduce_max(Tensor x, const Dims& axes);
Tensor reduce_mean(Tensor x, const Dims& axes);
Tensor sum_all(Tensor x);          // []
Tensor global_avg_pool(Tensor x);  // [n,h,w,c] -> [n,c]

}  // namespace fovea
