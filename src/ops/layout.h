// Moving elements without computing: transpose, slice, pad, concat.
#pragma once
#include "ir/op.h"

namespace fovea {

struct Transpose {
  Dims perm;
  FOVEA_ATTR(Transpose, perm)
};  // out dimension i is in dimension perm[i]
struct Slice {
  Dims start, size, step;
  FOVEA_ATTR(Slice, start, size, step)
};
struct PadTo {
  Shape shape;
  Dims start, step;
  float value = 0;
  FOVEA_ATTR(PadTo, shape, start, step, value)
};  // the adjoint of Slice
struct Concat {
  int axis;
  FOVEA_ATTR(Concat, axis)
};

Tensor transpose(Tensor x, const Dims& perm);
Tensor slice(Tensor x, int axis, int start, int size, int step = 1);
Tensor slice(Tensor x, const Slice& a);
Tensor pad_to(Tensor x, const PadTo& a);
// Zeros (or value) around: before[i] and after[i] elements in dimension i.
Tensor pad(Tensor x, const Dims& before, const Dims& after, float value = 0);
Tensor concat(std::span<const Tensor> parts, int axis);

}  // namespace fovea
