#include "nn/monarch.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "nn/init.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

Tensor monarch(Tensor x, Tensor a, Tensor b) {
  int k = a.dim(0), q = a.dim(1), p = a.dim(2), l = b.dim(0), s = b.dim(1), r = b.dim(2);
  if (x.c() != k * p || l * r != k * q)
    fail(Code::usage, "blocks {} and {} do not fit {} features", a.shape().str(), b.shape().str(), x.c());
  Shape result = x.shape();
  result[-1] = s * l;
  Tensor y = transpose(reshape(x, {-1, k, p}), {1, 0, 2});                          // [k,n,p]
  y = transpose(matmul(y, a, {.tb = true}), {1, 0, 2});                             // [n,k,q]
  y = matmul(transpose(reshape(y, {y.dim(0), r, l}), {2, 0, 1}), b, {.tb = true});  // [l,n,s]
  return reshape(transpose(y, {1, 2, 0}), result);
}

Tensor monarch_linear(Scope s, Tensor x, int out, int blocks, bool bias) {
  int in = x.c(), wide = (in + blocks - 1) / blocks, tall = (out + blocks - 1) / blocks, inner = std::min(wide, tall);
  if (wide * blocks > in) {
    Dims before, after;
    for (int i = 0; i < x.rank(); i++) before.push(0), after.push(i + 1 < x.rank() ? 0 : wide * blocks - in);
    x = pad(x, before, after);
  }
  auto diagonal = [&](const char* name, int rows, int columns) {  // fan_in is the whole of a row
    return s.param(name, {blocks, rows, columns}, uniform_init(1 / std::sqrt(static_cast<float>(columns))));
  };
  Tensor y = monarch(x, diagonal("blkdiag1", inner, wide), diagonal("blkdiag2", tall, inner));
  if (tall * blocks > out) y = slice(y, -1, 0, out);
  return bias ? y + s.param("bias", {out}, uniform_init(1 / std::sqrt(static_cast<float>(out)))) : y;
}

}  // namespace fovea
