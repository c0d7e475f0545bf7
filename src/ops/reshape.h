// The same elements under another shape: never a copy.
#pragma once
#include "ir/op.h"

namespace fovea {

struct Reshape {
  Shape shape;
  FOVEA_ATTR(Reshape, shape)
};
Tensor reshape(Tensor x, Shape shape);  // one dimension may be -1

}  // namespace fovea
