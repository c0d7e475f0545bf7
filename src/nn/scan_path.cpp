#include "nn/scan_path.h"

#include <utility>

#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

// a = line * length + at, whole numbers.
struct Split {
  Tensor line, at;
};
Split split(Tensor a, int length) {
  Tensor line = floor((a + 0.5f) / static_cast<float>(length));
  return {line, a - line * static_cast<float>(length)};
}

// Every other line runs backwards.
Tensor along(const Split& s, int length) {
  Tensor odd = s.line - 2.0f * floor(s.line * 0.5f);
  return s.at + odd * (static_cast<float>(length - 1) - 2.0f * s.at);
}

}  // namespace

ScanPath snake_path(Graph& g, int h, int w, bool columns, bool back) {
  const auto last = static_cast<float>(h * w - 1), width = static_cast<float>(w);
  const int length = columns ? h : w;
  Tensor count = iota(g, {h * w}, 0);
  Split on_path = split(back ? last - count : count, length);
  Tensor at = along(on_path, length);
  Tensor order = columns ? at * width + on_path.line : on_path.line * width + at;
  Split pixel = split(count, w);
  if (columns) std::swap(pixel.line, pixel.at);
  Tensor place = pixel.line * static_cast<float>(length) + along(pixel, length);
  return {order, back ? last - place : place};
}

Tensor directions(const ScanPath& path, int w) {
  const int t = path.order.dim(0);
  if (t == 1) return path.order;
  Tensor step = slice(path.order, 0, 1, t - 1) - slice(path.order, 0, 0, t - 1);
  auto is = [&](int by) { return equal(step, scalar(step, static_cast<float>(by))); };
  Tensor way = 3.0f * is(-w) + 4.0f * is(w);
  if (w > 1) way = way + is(1) + 2.0f * is(-1);
  return pad(way, {1}, {0});
}

Tensor reorder(Tensor tokens, Tensor order) {
  const int n = tokens.n(), t = tokens.dim(1), c = tokens.c();
  Tensor index = iota(*tokens.graph, {n, t}, 0) * static_cast<float>(t) + order;
  return gather(reshape(tokens, {n * t, c}), index);
}

}  // namespace fovea
