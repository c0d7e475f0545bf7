#include "nn/flatten.h"

#include "ops/layout.h"
#include "ops/reshape.h"

namespace fovea {

Tensor flatten(Tensor x) { return reshape(transpose(x, {0, 3, 1, 2}), {x.n(), -1}); }

}  // namespace fovea
