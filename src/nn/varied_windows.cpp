#include "nn/varied_windows.h"

#include <cmath>

#include "base/error.h"
#include "nn/windows.h"
#include "ops/biased_attention.h"
#include "ops/gather.h"
#include "ops/grid_sample.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

// From -1 to 1 in the middles of the first and the last pixel of an axis: the middle of each of the `count` windows and the
// distances of a window's pixels from it.
struct Axis {
  Tensor middles, distances;  // [count], [size]
};
Axis axis(Graph& g, int count, int size) {
  float step = 2 / static_cast<float>(count * size - 1), half = static_cast<float>(size - 1) / 2;
  return {(iota(g, {count}, 0) * static_cast<float>(size) + half) * step - 1.0f, (iota(g, {size}, 0) - half) * step};
}

// Where each head's windows read: [n,h,w,heads*2], of a map whose windows are whole. map: before it was padded.
Tensor places(Scope s, Tensor x, int heads, int size, Pair map) {
  int n = x.n(), down = x.h() / size, across = x.w() / size;
  Tensor seen = activation(avg_pool(x, size, size), Act::leaky_relu);
  auto predict = [&](const char* name) {
    Tensor y = conv(s[name][2], seen, heads * 2, 1, {.bias = true, .init = [](const Shape&, int) { return fill(0); }});
    return reshape(y, {n * down * across * heads, 2});
  };
  Tensor moved = predict("sampling_offsets"), scaled = predict("sampling_scales") + 1.0f;
  // x is the same for all rows of a window, y for all its columns.
  Shape row{n, down, 1, across, 1, heads}, all{n, down, size, across, size, heads, 1};
  auto along = [&](int i, const Axis& a, Shape middles, Shape distances, Shape result, int pixels) {
    auto part = [&](Tensor t) { return reshape(slice(t, 1, i, 1), row); };
    Tensor middle = reshape(a.middles, middles) + part(moved) / static_cast<float>(pixels / size);
    result.push(1);
    return broadcast_to(reshape(middle + reshape(a.distances, distances) * part(scaled), result), all);
  };
  Tensor both[] = {
      along(0, axis(s.graph(), across, size), {across, 1, 1}, {size, 1}, {n, down, 1, across, size, heads}, map.w),
      along(1, axis(s.graph(), down, size), {down, 1, 1, 1, 1}, {size, 1, 1, 1}, {n, down, size, across, 1, heads}, map.h)};
  return reshape(concat(both, 6), {n, x.h(), x.w(), heads * 2});
}

}  // namespace

Tensor varied_window_attention(Scope s, Tensor x, const VariedWindows& o) {
  int n = x.n(), h = x.h(), w = x.w(), size = o.window, heads = o.heads, depth = o.out / heads;
  if (h < size || w < size || size < 2) fail(Code::usage, "windows of {} pixels on a map of {}x{}", size, h, w);
  int below = (size - h % size) % size, right = (size - w % size) % size;
  auto whole = [&](Tensor t) { return pad(t, {0, 0, 0, 0}, {0, below, right, 0}); };
  Tensor at = places(s, whole(x), heads, size, {h, w});
  Tensor qkv = whole(conv(s["qkv"], x, 3 * o.out, 1, {.bias = o.qkv_bias}));
  auto tokens = [&](int part, bool sampled) {
    Tensor t = slice(qkv, 3, part * o.out, o.out);
    if (sampled) t = grid_sample(t, at, {.align_corners = true});
    return reshape(to_windows(t, size), {-1, size * size, heads, depth});
  };
  Tensor table = s.param("relative_position_bias_table", {(2 * size - 1) * (2 * size - 1), heads}, trunc_normal(0.02f));
  float scale = o.scale != 0 ? o.scale : 1 / std::sqrt(static_cast<float>(x.c() / heads));
  Tensor y = biased_attention(tokens(0, false), tokens(1, true), tokens(2, true), scale, relative_bias(table, size));
  y = from_windows(reshape(y, {-1, size * size, o.out}), size, {n, h + below, w + right, o.out});
  y = slice(slice(y, 1, 0, h), 2, 0, w);
  return dropout(s["proj_drop"], conv(s["proj"], y, o.out, 1, {.bias = true}), o.drop);
}

}  // namespace fovea
