#include "nn/edges.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "ops/layout.h"
#include "ops/pointwise.h"

namespace fovea {

Edge edge_of(const std::string& name) {
  if (name == "zeros") return Edge::zeros;
  if (name == "reflect") return Edge::reflect;
  if (name == "replicate") return Edge::replicate;
  if (name == "circular") return Edge::circular;
  fail(Code::usage, "there is no padding mode \"{}\": zeros, reflect, replicate or circular", escape_control(name));
}

// `count` pixels before the first (or behind the last) of an axis.
static Tensor beyond(Tensor x, int axis, int count, bool before, Edge edge) {
  int n = x.dim(axis);
  if (edge == Edge::circular) return slice(x, axis, before ? n - count : 0, count);
  if (edge == Edge::replicate) {
    Shape shape = x.shape();
    shape[axis] = count;
    return broadcast_to(slice(x, axis, before ? 0 : n - 1, 1), shape);
  }
  std::vector<Tensor> pixels;
  for (int i = 0; i < count; i++) pixels.push_back(slice(x, axis, before ? count - i : n - 2 - i, 1));
  return concat(pixels, axis);
}

static Tensor pad_axis(Tensor x, int axis, int before, int after, Edge edge) {
  int n = x.dim(axis), most = edge == Edge::reflect ? n - 1 : n;
  if (before < 0 || after < 0) fail(Code::usage, "padding must be at least 0");
  if (edge != Edge::replicate && std::max(before, after) > most)
    fail(Code::usage, "padding {}+{} of {} pixels by themselves", before, after, n);
  std::vector<Tensor> parts;
  if (before) parts.push_back(beyond(x, axis, before, true, edge));
  parts.push_back(x);
  if (after) parts.push_back(beyond(x, axis, after, false, edge));
  return parts.size() == 1 ? x : concat(parts, axis);
}

Tensor pad_edges(Tensor x, const Pad& pad, Edge edge) {
  if (edge == Edge::zeros) return fovea::pad(x, {0, pad.top, pad.left, 0}, {0, pad.bottom, pad.right, 0});
  return pad_axis(pad_axis(x, 1, pad.top, pad.bottom, edge), 2, pad.left, pad.right, edge);
}

}  // namespace fovea
