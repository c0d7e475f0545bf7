// The same value as a node of its own: what is computed from it is computed again, not shared with what is computed from
// its input. Costs nothing to run.
#pragma once
#include "ir/op.h"

namespace fovea {

struct Barrier {
  FOVEA_ATTR(Barrier)
};
Tensor barrier(Tensor x);

// The same value as a constant: no gradient flows through it.
struct Detach {
  FOVEA_ATTR(Detach)
};
Tensor detach(Tensor x);

}  // namespace fovea
