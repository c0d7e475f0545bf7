#include "ops/grid_sample.h"

#include "base/error.h"
#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

const char* enum_name(Sampling s) { return s == Sampling::bilinear ? "bilinear" : "nearest"; }
const char* enum_name(Beyond b) { return b == Beyond::zeros ? "zeros" : "border"; }

Tensor grid_sample(Tensor x, Tensor places, const GridSample& a) { return record(a, {x, places}); }

static Type infer(const GridSample&, Types in) {
  const Shape &x = in[0].shape, &p = in[1].shape;
  if (x.rank != 4 || p.rank != 4 || p[0] != x[0] || p[3] % 2 || p[3] == 0 || x[3] % (p[3] / 2))
    fail(Code::usage, "grid_sample takes a map [n,h,w,c] and places [n,h',w',groups*2], got {} and {}", x.str(), p.str());
  return {{x[0], p[1], p[2], x[3]}};
}

// Along one axis: the pixel before each place (or the nearest one), and how far behind it the place is.
namespace {

struct Between {
  Tensor pixel, rest;
};
Between between(Tensor place, int size, const GridSample& a) {
  float n = static_cast<float>(size);
  Tensor at = a.align_corners ? (place + 1.0f) * ((n - 1) / 2) : (place + 1.0f) * (n / 2) - 0.5f;
  if (a.beyond == Beyond::border) at = clamp(at, 0, n - 1);
  if (a.sampling == Sampling::nearest) return {round(at), {}};
  Tensor pixel = floor(at);
  return {pixel, at - pixel};
}

Tensor inside(Tensor pixel, int size) {
  return greater_equal(pixel, scalar(pixel, 0)) * greater(static_cast<float>(size) - pixel, 0);
}

}  // namespace

static Tensor body(const GridSample& a, std::span<const Tensor> in) {
  Tensor x = in[0];
  int n = x.n(), h = x.h(), w = x.w(), groups = in[1].c() / 2;
  Shape each{n, in[1].h(), in[1].w(), groups};
  if (int64_t{n} * h * w * groups > 1 << 24) fail(Code::unsupported, "grid_sample reads from more than 2^24 places");
  Tensor table = reshape(x, {n * h * w * groups, x.c() / groups});
  Tensor places = reshape(in[1], {n, each[1], each[2], groups, 2});
  auto part = [&](int i) { return reshape(slice(places, 4, i, 1), each); };
  Between column = between(part(0), w, a), row = between(part(1), h, a);
  Tensor image = iota(*x.graph, {n, 1, 1, 1}, 0) * static_cast<float>(h), group = iota(*x.graph, {groups}, 0), sum;
  int corners = a.sampling == Sampling::nearest ? 1 : 2;
  for (int down = 0; down < corners; down++)
    for (int right = 0; right < corners; right++) {
      Tensor i = row.pixel + static_cast<float>(down), j = column.pixel + static_cast<float>(right);
      Tensor line = image + clamp(i, 0, static_cast<float>(h - 1));
      Tensor index = (line * static_cast<float>(w) + clamp(j, 0, static_cast<float>(w - 1))) * static_cast<float>(groups);
      Tensor weight = inside(i, h) * inside(j, w);
      if (row.rest) weight = weight * (down ? row.rest : 1.0f - row.rest) * (right ? column.rest : 1.0f - column.rest);
      Tensor value = gather(table, index + group) * reshape(weight, {n, each[1], each[2], groups, 1});
      sum = sum ? sum + value : value;
    }
  return reshape(sum, {n, each[1], each[2], x.c()});
}

static Cases cases() {
  auto sample = [](GridSample a) { return [a](auto in) { return grid_sample(in[0], in[1] * 1.25f, a); }; };
  std::vector<Shape> one{{2, 4, 5, 3}, {2, 3, 6, 2}}, groups{{1, 5, 3, 6}, {1, 4, 4, 4}};
  auto reshaped = [](auto in) { return grid_sample(reshape(in[0], {2, 4, 5, 3}), reshape(in[1], {2, 3, 6, 2})); };
  return {{"bilinear", one, sample({})},
          {"reshaped", {{8, 15}, {6, 12}}, reshaped},
          {"aligned", groups, sample({.align_corners = true})},
          {"border", groups, sample({.beyond = Beyond::border})},
          {"nearest", one, sample({.sampling = Sampling::nearest, .align_corners = true})}};
}

FOVEA_OP(GridSample, "grid_sample", cases)
FOVEA_OPS(grid_sample, &GridSample::op)

}  // namespace fovea
