#include "nn/deformable.h"

#include "nn/layers.h"
#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

Init zeros(const Shape&, int) { return fill(0); }

Tensor inside(Tensor i, int size) {  // 1 or 0
  return greater_equal(i, scalar(i, 0)) * greater_equal(scalar(i, static_cast<float>(size - 1)), i);
}
Tensor share(Tensor at, Tensor pixel) { return 1.0f - abs(at - pixel); }

}  // namespace

Tensor sample_bilinear(Tensor values, Tensor y, Tensor x) {
  const int n = values.n(), h = values.dim(1), w = values.dim(2), groups = values.dim(3), c = values.c();
  Shape index{n, 1, 1, groups, 1};
  Graph& g = *values.graph;
  Tensor image = iota(g, index, 0), group = iota(g, index, 3), table = reshape(values, {n * h * w * groups, c}), sum;
  for (int down = 0; down < 2; down++)
    for (int right = 0; right < 2; right++) {
      Tensor row = floor(y) + static_cast<float>(down), column = floor(x) + static_cast<float>(right);
      Tensor weight = share(y, row) * share(x, column) * inside(row, h) * inside(column, w);
      row = clamp(row, 0, static_cast<float>(h - 1)), column = clamp(column, 0, static_cast<float>(w - 1));
      Tensor pixel = (image * static_cast<float>(h) + row) * static_cast<float>(w) + column;
      Shape each = weight.shape();
      each.push(1);
      Tensor part = gather(table, pixel * static_cast<float>(groups) + group) * reshape(weight, each);
      sum = sum ? sum + part : part;
    }
  return sum;
}

Tensor deformable_conv(Scope s, Tensor x, int groups, bool look) {
  constexpr int kPlaces = 9, kSaid = 3 * kPlaces;  // by a group: pairs right, down for each place, then weights
  const int n = x.n(), h = x.h(), w = x.w(), c = x.c();
  Tensor from = look ? conv(s["offset_mask_dw"], x, c, 3, {.groups = c, .bias = true}) : x;
  Tensor said = linear(s["offset_mask"], from, (groups * kSaid + 7) / 8 * 8, {.init = zeros});
  said = reshape(slice(said, 3, 0, groups * kSaid), {n, h, w, groups, kSaid});
  auto offsets = [&](int first) { return slice(said, 4, first, kPlaces, 2); };
  Tensor place = iota(s.graph(), {kPlaces}, 0), column = floor((place + 0.5f) / 3.0f);  // column after column
  Tensor px = iota(s.graph(), {1, 1, w, 1, 1}, 2) + column - 1.0f + offsets(0);
  Tensor py = iota(s.graph(), {1, h, 1, 1, 1}, 1) + place - 3.0f * column - 1.0f + offsets(1);
  Tensor values = reshape(linear(s["value_proj"], x, c, {.init = xavier_normal}), {n, h, w, groups, c / groups});
  Tensor weights = reshape(slice(said, 4, 2 * kPlaces, kPlaces), {n, h, w, groups, kPlaces, 1});
  Tensor y = reduce_sum(sample_bilinear(values, py, px) * weights, {4});
  return linear(s["output_proj"], reshape(y, x.shape()), c, {.bias = false, .init = xavier_normal});
}

}  // namespace fovea
