#include "nn/windows.h"

#include <algorithm>

#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

WindowPlace place_window(const Shape& map, Pair size, Pair shift) {
  if (map[1] <= size.h) size.h = map[1], shift.h = 0;
  if (map[2] <= size.w) size.w = map[2], shift.w = 0;
  return {size, shift};
}

Tensor roll(Tensor x, int axis, int by) {
  int size = x.dim(axis), head = ((-by % size) + size) % size;  // this many go to the end
  if (head == 0) return x;
  Tensor parts[] = {slice(x, axis, head, size - head), slice(x, axis, 0, head)};
  return concat(parts, axis);
}

Tensor to_windows(Tensor x, Pair size) {
  int n = x.n(), h = x.h() / size.h, w = x.w() / size.w, c = x.c();
  x = transpose(reshape(x, {n, h, size.h, w, size.w, c}), {0, 1, 3, 2, 4, 5});
  return reshape(x, {n * h * w, size.h * size.w, c});
}

Tensor from_windows(Tensor tokens, Pair size, const Shape& map) {
  int n = map[0], h = map[1] / size.h, w = map[2] / size.w, c = tokens.c();
  Tensor x = transpose(reshape(tokens, {n, h, w, size.h, size.w, c}), {0, 1, 3, 2, 4, 5});
  return reshape(x, {n, map[1], map[2], c});
}

// The least size that holds whole windows.
static Pair padded(const Shape& map, Pair size) {
  return {(map[1] + size.h - 1) / size.h * size.h, (map[2] + size.w - 1) / size.w * size.w};
}

Tensor in_windows(Tensor x, const WindowPlace& p, const std::function<Tensor(Tensor)>& f) {
  int h = x.h(), w = x.w();
  Pair whole = padded(x.shape(), p.size);
  x = roll(roll(x, 1, -p.shift.h), 2, -p.shift.w);
  x = pad(x, {0, 0, 0, 0}, {0, whole.h - h, whole.w - w, 0});
  x = from_windows(f(to_windows(x, p.size)), p.size, x.shape());
  x = slice(slice(x, 1, 0, h), 2, 0, w);
  return roll(roll(x, 1, p.shift.h), 2, p.shift.w);
}

Tensor shift_mask(Tensor x, const WindowPlace& p) {
  if (p.shift == Pair(0)) return {};
  Graph& g = *x.graph;
  Pair whole = padded(x.shape(), p.size);
  // Which strip of its axis a pixel is in: before the last window, before what was rolled in, or there.
  auto strip = [&](int axis, int size, int window, int shift) {
    Tensor at = iota(g, {1, whole.h, whole.w, 1}, axis), last = scalar(at, static_cast<float>(size - window));
    return greater_equal(at, last) + greater_equal(at, scalar(at, static_cast<float>(size - shift)));
  };
  Tensor region = 3.0f * strip(1, whole.h, p.size.h, p.shift.h) + strip(2, whole.w, p.size.w, p.shift.w);
  region = to_windows(region, p.size);  // [windows,t,1]
  int windows = region.n(), t = region.dim(1);
  Tensor mask = 100.0f * (equal(reshape(region, {windows, t, 1}), reshape(region, {windows, 1, t})) - 1.0f);
  mask = broadcast_to(reshape(mask, {1, windows, 1, t, t}), {x.n(), windows, 1, t, t});
  return reshape(mask, {x.n() * windows, 1, t, t});
}

Tensor space_to_depth(Tensor x) {
  int n = x.n(), h = x.h() / 2, w = x.w() / 2, c = x.c();
  x = transpose(reshape(x, {n, h, 2, w, 2, c}), {0, 1, 3, 4, 2, 5});
  return reshape(x, {n, h, w, 4 * c});
}

// Differences of the coordinate `axis` between all queries and all keys of a map: [queries, keys].
static Tensor differences(Graph& g, Pair map, int axis, int stride = 1) {
  Tensor at = iota(g, {map.h, map.w}, axis);
  Tensor query = stride == 1
                     ? at
                     : slice(at, {{0, 0}, {(map.h + stride - 1) / stride, (map.w + stride - 1) / stride}, {stride, stride}});
  return reshape(query, {-1, 1}) - reshape(at, {1, -1});
}

static Tensor heads_first(Tensor bias) {  // [nq,nk,heads] -> [1,heads,nq,nk]
  bias = transpose(bias, {2, 0, 1});
  return reshape(bias, {1, bias.dim(0), bias.dim(1), bias.dim(2)});
}

Tensor relative_bias(Tensor table, Pair window) {
  Tensor dy = differences(*table.graph, window, 0) + static_cast<float>(window.h - 1);
  Tensor dx = differences(*table.graph, window, 1) + static_cast<float>(window.w - 1);
  return heads_first(gather(table, dy * static_cast<float>(2 * window.w - 1) + dx));
}

Tensor log_distances(Graph& g, Pair window, float unit_h, float unit_w) {
  auto coordinate = [&](int axis, int size, float unit) {
    Tensor at = (iota(g, {2 * window.h - 1, 2 * window.w - 1, 1}, axis) - static_cast<float>(size - 1)) * unit;
    return sign(at) * log(abs(at) + 1.0f);
  };
  Tensor both[] = {coordinate(0, window.h, unit_h), coordinate(1, window.w, unit_w)};
  return reshape(concat(both, 2), {-1, 2});
}

Tensor log_distance_bias(Scope s, Graph& g, Pair window, int hidden, int heads) {
  Tensor inner = relu(linear(s["fc1"], log_distances(g, window), hidden));
  return relative_bias(linear(s["fc2"], inner, heads), window);
}

Tensor distance_bias(Tensor table, Pair keys, int stride) {
  Tensor dy = abs(differences(*table.graph, keys, 0, stride)), dx = abs(differences(*table.graph, keys, 1, stride));
  return heads_first(gather(transpose(table, {1, 0}), dy * static_cast<float>(keys.w) + dx));
}

Tensor patch_merging(Scope s, Tensor x, InitRule init, bool norm_last) {
  const LinearOptions halve{.bias = false, .init = init};
  const int out = 2 * x.c();
  x = space_to_depth(pad(x, {0, 0, 0, 0}, {0, x.h() % 2, x.w() % 2, 0}));
  return norm_last ? layer_norm(s["norm"], linear(s["reduction"], x, out, halve), 1e-5f)
                   : linear(s["reduction"], layer_norm(s["norm"], x, 1e-5f), out, halve);
}

}  // namespace fovea
