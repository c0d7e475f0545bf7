#include "nn/edges.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "ops/layout.h"

namespace fovea {

Edge edge_of(const std::string& name) {
  if (name == "zeros") return Edge::zeros;
  if (name == "reflect") return Edge::reflect;
  if (name == "replicate") return Edge::replicate;
  if (name == "circular") return Edge::circular;
  fail(Code::usage, "there is no padding mode \"{}\": zeros, reflect, replicate or circular", escape_control(name));
}

// The pixel of n that stands at place i, which may lie beyond the edge.
static int source(int i, int n, Edge edge) {
  if (edge == Edge::replicate) return std::clamp(i, 0, n - 1);
  if (edge == Edge::circular) return (i + n) % n;
  return i < 0 ? -i : i < n ? i : 2 * (n - 1) - i;
}

static Tensor pad_axis(Tensor x, int axis, int before, int after, Edge edge) {
  int n = x.dim(axis), most = edge == Edge::reflect ? n - 1 : edge == Edge::circular ? n : before + after;
  if (std::max(before, after) > most) fail(Code::usage, "padding {}+{} of {} pixels by themselves", before, after, n);
  std::vector<Tensor> parts;
  for (int i = -before; i < n + after; i++) {
    if (i == 0) parts.push_back(x);
    if (i < 0 || i >= n) parts.push_back(slice(x, axis, source(i, n, edge), 1));
  }
  return parts.size() == 1 ? x : concat(parts, axis);
}

Tensor pad_edges(Tensor x, const Pad& pad, Edge edge) {
  if (edge == Edge::zeros) return fovea::pad(x, {0, pad.top, pad.left, 0}, {0, pad.bottom, pad.right, 0});
  return pad_axis(pad_axis(x, 1, pad.top, pad.bottom, edge), 2, pad.left, pad.right, edge);
}

}  // namespace fovea
