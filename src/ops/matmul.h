// Matrix products over the last two axes, batched over the ones before.
#pragma once
#include "ir/op.h"

namespace fovea {

// [..., m, k] x [..., k, n] -> [..., m, n]; ta: a is [..., k, m]; tb: b is [..., n, k]. Batch axes must be equal;
// usage errors name the shapes.
struct Matmul {
  bool ta = false, tb = false;
  FOVEA_ATTR(Matmul, ta, tb)
};
Tensor matmul(Tensor a, Tensor b, Matmul attr = {});

// x [..., k] times w [o, k] (the layout of files), over all leading axes at once: [..., o]. No bias; a k that differs is a
// usage error.
Tensor linear(Tensor x, Tensor w);

}  // namespace fovea
