#include "nn/deformable.h"

#include "nn/layers.h"
#include "ops/gather.h"
#include "ops/grid_sample.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

static Init zeros(const Shape&, int) { return fill(0); }

// Pixel i of n, from -1 at the first one's edge to 1.
static Tensor between_edges(Tensor i, int n) { return (2.0f * i + 1.0f) / static_cast<float>(n) - 1.0f; }

Tensor deformable_conv(Scope s, Tensor x, int groups, bool look) {
  constexpr int kPlaces = 9, kSaid = 3 * kPlaces;  // by a group: pairs right, down for each place, then weights
  const int n = x.n(), h = x.h(), w = x.w(), c = x.c();
  Tensor from = look ? conv(s["offset_mask_dw"], x, c, 3, {.groups = c, .bias = true}) : x;
  Tensor said = linear(s["offset_mask"], from, (groups * kSaid + 7) / 8 * 8, {.init = zeros});
  said = transpose(reshape(slice(said, 3, 0, groups * kSaid), {n, h, w, groups, kSaid}), {0, 1, 2, 4, 3});
  auto offsets = [&](int first) { return slice(said, 3, first, kPlaces, 2); };
  Tensor place = iota(s.graph(), {kPlaces, 1}, 0), column = floor((place + 0.5f) / 3.0f);  // column after column
  const int each = h * w * kPlaces * groups;  // numbers of an image, in a row: few axes to go along at once
  auto around = [&](Tensor pixel, int first) {
    return reshape(broadcast_to(pixel - 1.0f, {h, w, kPlaces, groups}), {1, each}) + reshape(offsets(first), {n, each});
  };
  Tensor right = around(iota(s.graph(), {1, w, 1, 1}, 1) + column, 0);
  Tensor down = around(iota(s.graph(), {h, 1, 1, 1}, 0) + place - 3.0f * column, 1);
  const Shape one{n, h, w * kPlaces, groups, 1};
  Tensor pair[] = {reshape(between_edges(right, w), one), reshape(between_edges(down, h), one)};
  Tensor places = reshape(concat(pair, 4), {n, h, w * kPlaces, 2 * groups});
  Tensor values = grid_sample(linear(s["value_proj"], x, c, {.init = xavier_normal}), places);
  Tensor weights = reshape(slice(said, 3, 2 * kPlaces, kPlaces), {n, h, w, kPlaces, groups, 1});
  Tensor y = reduce_sum(reshape(values, {n, h, w, kPlaces, groups, c / groups}) * weights, {3});
  return linear(s["output_proj"], reshape(y, x.shape()), c, {.bias = false, .init = xavier_normal});
}

}  // namespace fovea
