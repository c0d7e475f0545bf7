#include "nn/evo_norm.h"

#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

Tensor evo_norm(Scope s, Tensor x, const EvoNorm& a) {
  Tensor y = x;
  if (a.active) y = x * sigmoid(x * s.param("v", {x.c()}, fill(1)));
  if (a.active || a.always_divide) {
    Shape grouped{x.n(), -1, a.groups, x.c() / a.groups};
    Tensor of = reshape(x, grouped);  // [n,hw,g,c/g]
    Tensor variance = reduce_mean(square(of - reduce_mean(of, {1, 3})), {1, 3});
    y = reshape(reshape(y, grouped) * rsqrt(variance + a.eps), x.shape());
  }
  return y * s.param("weight", {x.c()}, fill(1)) + s.param("bias", {x.c()}, fill(0));
}

Tensor filter_response_norm(Scope s, Tensor x, float eps) {
  Shape c{x.c()};
  Tensor y = x * rsqrt(reduce_mean(square(x), {1, 2}) + eps);
  return maximum(y * s.param("weight", c, fill(1)) + s.param("bias", c, fill(0)), s.param("tau", c, fill(0)));
}

}  // namespace fovea
