#include "nn/rotary.h"

#include <cmath>
#include <numbers>

#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

// The angles of all patches, [h*w, 1 or heads, pairs].
static Tensor axial_angles(Graph& g, const Rotary& r, const RotaryPlace& p) {
  int pairs = p.width / 4;  // of one axis
  Tensor speed = exp(iota(g, {1, 1, pairs}, 2) * (-std::log(r.temperature) / static_cast<float>(pairs)));
  auto angles = [&](int axis, int size) {
    Tensor at = iota(g, {p.map.h, p.map.w, 1}, axis);
    if (r.kind == RotaryKind::centred) {
      at = ((at + 0.5f) * (2 / static_cast<float>(size)) - 1.0f) * (2 * std::numbers::pi_v<float>);
    } else {
      at = at + r.first;
      if (r.reference) at = at / static_cast<float>(size) * static_cast<float>(r.reference);
    }
    return at * speed;
  };
  Tensor rows = angles(0, p.map.h), columns = angles(1, p.map.w);
  Tensor both[] = {r.columns_first ? columns : rows, r.columns_first ? rows : columns};
  return reshape(concat(both, 2), {p.map.h * p.map.w, 1, 2 * pairs});
}

static Tensor mixed_angles(const Rotary& r, const RotaryPlace& p, Tensor speeds) {
  auto angles = [&](int axis, int of) {
    Tensor at = reshape(iota(*speeds.graph, {p.map.h, p.map.w}, axis), {-1, 1, 1});
    return at * reshape(slice(speeds, 0, of, 1), {1, speeds.dim(2), speeds.dim(3)});
  };
  return angles(0, r.columns_first ? 1 : 0) + angles(1, r.columns_first ? 0 : 1);
}

Turns rotary_turns(Graph& g, const Rotary& r, const RotaryPlace& p, Tensor speeds) {
  if (r.kind == RotaryKind::none) return {};
  Tensor angles = r.kind == RotaryKind::mixed ? mixed_angles(r, p, speeds) : axial_angles(g, r, p);
  angles = pad(angles, {p.prefix, 0, 0}, {0, 0, 0});
  angles = reshape(angles, {1, angles.dim(0), angles.dim(1), angles.dim(2)});
  return {cos(angles), sin(angles), r.kind != RotaryKind::centred};
}

Tensor turn(Tensor x, const Turns& t) {
  int half = x.c() / 2, step = t.neighbours ? 2 : 1;
  Tensor a = slice(x, 3, 0, half, step), b = slice(x, 3, t.neighbours ? 1 : half, half, step);
  Tensor turned[] = {a * t.cos - b * t.sin, b * t.cos + a * t.sin};
  return concat(turned, 3);
}

}  // namespace fovea
