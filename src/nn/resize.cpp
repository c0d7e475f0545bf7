#include "nn/resize.h"

#include <algorithm>
#include <vector>

#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

// How much of every input place goes into every output place: [to, from].
using Weights = Tensor (*)(Graph& g, int from, int to, bool align_corners);

static Tensor bilinear_weights(Graph& g, int from, int to, bool align_corners) {
  Tensor out = iota(g, {to, 1}, 0), in = iota(g, {1, from}, 1);
  float top = static_cast<float>(from - 1);
  Tensor at = align_corners ? out * (to > 1 ? top / static_cast<float>(to - 1) : 0)
                            : (out + 0.5f) * (static_cast<float>(from) / static_cast<float>(to)) - 0.5f;
  return relu(1.0f - abs(clamp(at, 0, top) - in));
}

// Cubic convolution with a = -0.75: four places, those outside count as the edge.
static Tensor bicubic_weights(Graph& g, int from, int to, bool) {
  constexpr float a = -0.75f;
  Tensor out = iota(g, {to, 1}, 0), in = iota(g, {1, from}, 1);
  Tensor at = (out + 0.5f) * (static_cast<float>(from) / static_cast<float>(to)) - 0.5f, base = floor(at), sum;
  for (int k = -1; k <= 2; k++) {
    Tensor place = base + static_cast<float>(k), d = abs(at - place);
    bool inner = k == 0 || k == 1;  // no farther than 1, else between 1 and 2
    Tensor weight = inner ? ((a + 2) * d - (a + 3)) * d * d + 1.0f : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
    Tensor part = weight * equal(in, clamp(place, 0, static_cast<float>(from - 1)));
    sum = sum ? sum + part : part;
  }
  return sum;
}

// A cubic kernel with a = -0.5, at least as wide as the distance of the new places.
static Tensor smooth_weights(Graph& g, int from, int to, bool) {
  float scale = static_cast<float>(from) / static_cast<float>(to);
  Tensor out = iota(g, {to, 1}, 0), in = iota(g, {1, from}, 1);
  Tensor d = abs((in + 0.5f) - (out + 0.5f) * scale) / std::max(scale, 1.0f);
  Tensor near = (1.5f * d - 2.5f) * d * d + 1.0f, far = ((-0.5f * d + 2.5f) * d - 4.0f) * d + 2.0f;
  Tensor weight = select(greater(d, 1), far, near) * greater(scalar(d, 2), d);
  return weight / reduce_sum(weight, {1});
}

static Tensor share_weights(Graph& g, int from, int to, bool) {
  Tensor out = iota(g, {to, 1}, 0), in = iota(g, {1, from}, 1);
  auto edge = [&](Tensor place) { return place * static_cast<float>(from) / static_cast<float>(to); };
  Tensor first = floor(edge(out)), end = -floor(-edge(out + 1.0f));
  Tensor inside = greater_equal(in, first) * greater(end, in);
  return inside / reduce_sum(inside, {1});
}

static Tensor resample(Tensor x, int height, int width, Weights weights, bool align_corners) {
  Graph& g = *x.graph;
  Tensor y = transpose(x, {0, 3, 1, 2});                    // [n,c,h,w]
  y = linear(y, weights(g, x.w(), width, align_corners));   // [n,c,h,width]
  y = transpose(y, {0, 1, 3, 2});                           // [n,c,width,h]
  y = linear(y, weights(g, x.h(), height, align_corners));  // [n,c,width,height]
  return transpose(y, {0, 3, 2, 1});
}

// Every pixel `times` times.
static Tensor repeat(Tensor x, int axis, int times) {
  Shape split, wide, joined = x.shape();
  for (int i = 0; i < x.rank(); i++) {
    split.push(x.dim(i)), wide.push(x.dim(i));
    if (i == axis) split.push(1), wide.push(times);
  }
  joined[axis] *= times;
  return reshape(broadcast_to(reshape(x, split), wide), joined);
}

static Tensor nearest(Tensor x, int axis, int to) {
  int from = x.dim(axis);
  if (to == from) return x;
  if (to % from == 0) return repeat(x, axis, to / from);
  std::vector<Tensor> parts;
  parts.reserve(static_cast<size_t>(to));
  for (int i = 0; i < to; i++) parts.push_back(slice(x, axis, static_cast<int>(int64_t{i} * from / to), 1));
  return concat(parts, axis);
}

Tensor resize_nearest(Tensor x, int height, int width) { return nearest(nearest(x, 1, height), 2, width); }

Tensor resize_bilinear(Tensor x, int height, int width, bool align_corners) {
  if (x.h() == height && x.w() == width) return x;
  return resample(x, height, width, bilinear_weights, align_corners);
}
Tensor resize_bicubic(Tensor x, int height, int width) {
  if (x.h() == height && x.w() == width) return x;
  return resample(x, height, width, bicubic_weights, false);
}
Tensor resize_smooth(Tensor x, int height, int width) {
  if (x.h() == height && x.w() == width) return x;
  return resample(x, height, width, smooth_weights, false);
}
Tensor adaptive_avg_pool(Tensor x, int height, int width) { return resample(x, height, width, share_weights, false); }

Tensor pixel_shuffle(Tensor x, int times) {
  int c = x.c() / (times * times);
  Tensor y = transpose(reshape(x, {x.n(), x.h(), x.w(), c, times, times}), {0, 1, 4, 2, 5, 3});  // [n,h,i,w,j,c]
  return reshape(y, {x.n(), x.h() * times, x.w() * times, c});
}

}  // namespace fovea
