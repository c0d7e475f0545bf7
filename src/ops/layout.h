// Moving elements without computing: transpose, slice, pad, concat.
#pragma once
#include "ir/op.h"

namespace fovea {

// Dimension i of the result is dimension perm[i] of the input.
struct Transpose {
  Dims perm;
  FOVEA_ATTR(Transpose, perm)
};
// Dimension i of the result has size[i] elements: start[i], start[i] + step[i], ...
struct Slice {
  Dims start, size, step;
  FOVEA_ATTR(Slice, start, size, step)
};
// The adjoint of Slice: of shape, with the input at start[i], start[i] + step[i], ... and value elsewhere.
struct PadTo {
  Shape shape;
  Dims start, step;
  float value = 0;
  FOVEA_ATTR(PadTo, shape, start, step, value)
};
// Along axis; the other dimensions must be equal.
struct Concat {
  int axis;
  FOVEA_ATTR(Concat, axis)
};

// All throw usage errors that name the shapes. A negative axis counts from the last.
Tensor transpose(Tensor x, const Dims& perm);
Tensor slice(Tensor x, int axis, int start, int size, int step = 1);  // the other dimensions whole
Tensor slice(Tensor x, const Slice& a);
Tensor pad_to(Tensor x, const PadTo& a);
// Zeros (or value) around: before[i] and after[i] elements in dimension i.
Tensor pad(Tensor x, const Dims& before, const Dims& after, float value = 0);
Tensor concat(std::span<const Tensor> parts, int axis);

}  // namespace fovea
