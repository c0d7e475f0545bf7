#include "nn/bilinear_attention.h"

#include "nn/conv_norm_act.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

constexpr int kGroups = 2;

// x's blocks of rows (axis 1) or columns (axis 2) mixed by m [n,groups,block,block]; pixels keep their place in the block.
static Tensor mix(Tensor x, Tensor m, int axis, int block) {
  int n = x.n(), h = x.h(), w = x.w(), c = x.c(), size = (axis == 1 ? h : w) / block, per = c / kGroups;
  if (axis == 1) {
    Tensor y = transpose(reshape(x, {n, block, size * w, kGroups, per}), {0, 3, 1, 2, 4});
    y = matmul(m, reshape(y, {n, kGroups, block, size * w * per}));
    return reshape(transpose(reshape(y, {n, kGroups, block, size * w, per}), {0, 2, 3, 1, 4}), x.shape());
  }
  Tensor y = transpose(reshape(x, {n, h, block, size, kGroups, per}), {0, 4, 2, 1, 3, 5});
  y = matmul(m, reshape(y, {n, kGroups, block, h * size * per}), {.ta = true});  // x times m, as columns
  return reshape(transpose(reshape(y, {n, kGroups, block, h, size, per}), {0, 3, 2, 4, 1, 5}), x.shape());
}

// [n,h,w,groups] -> [n,groups,block,block]; a window of `pool` pixels leaves one row or column of `block` pixels.
static Tensor matrix(Scope s, Tensor x, Pair pool, Pair window, int block) {
  Tensor y = max_pool(x, pool, pool);
  y = conv(s, y, block * block * kGroups, window, {.pad = Padding::none, .bias = true});  // [n,1,1,groups*block*block]
  return sigmoid(reshape(y, {x.n(), kGroups, block, block}));
}

static Tensor transform(Scope s, Tensor x, int block) {
  Tensor y = conv_norm_act(s["conv1"], x, kGroups, 1);
  Tensor p = matrix(s["conv_p"], y, {x.h() / block, x.w()}, {block, 1}, block);
  Tensor q = matrix(s["conv_q"], y, {x.h(), x.w() / block}, {1, block}, block);
  p = p / reduce_sum(p, {3});
  q = q / reduce_sum(q, {2});
  return conv_norm_act(s["conv2"], mix(mix(x, p, 1, block), q, 2, block), x.c(), 1);
}

Tensor bilinear_attention(Scope s, Tensor x, int hidden, int block) {
  Tensor y = transform(s["ba"], conv_norm_act(s["conv1"], x, hidden, 1), block);
  return x + dropout(s, conv_norm_act(s["conv2"], y, x.c(), 1), 0.2f);
}

}  // namespace fovea
