#include "nn/dcls.h"

#include "base/error.h"
#include "base/text.h"
#include "nn/init.h"
#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

Spread spread_of(const std::string& version) {
  if (version == "v0") return Spread::plain;
  if (version == "v1") return Spread::bilinear;
  if (version == "max") return Spread::tent;
  if (version == "gauss") return Spread::gauss;
  fail(Code::usage, "there is no version \"{}\": v0, v1, max or gauss", escape_control(version));
}

// What each weight leaves on each of the `size` places of an axis: [out,in,count,size].
static Tensor shares(Tensor position, Tensor width, int size, Spread spread) {
  Shape weights = position.shape();  // [out,in,count]
  weights.push(1);
  Tensor distance = iota(*position.graph, {size}, 0) - reshape(position, weights);
  if (spread == Spread::plain || spread == Spread::bilinear) return relu(1.0f - abs(distance));
  width = abs(reshape(width, weights));
  if (spread == Spread::tent) return relu(width + 1.0f - abs(distance));
  return exp(square(distance / (width + 0.27f)) * -0.5f);
}

Tensor spaced_kernel(Scope s, const SpacedKernel& o) {
  Shape each{o.out, o.in, o.count}, all{o.axes, o.out, o.in, o.count};
  bool learns_width = o.spread == Spread::tent || o.spread == Spread::gauss;
  Tensor weight = s.param("weight", each, fan_in_uniform(each, 1)), p = s.param("P", all, normal(0.5f));
  Tensor sigma = learns_width ? s.param("SIG", all, fill(o.spread == Spread::gauss ? 0.23f : 0)) : p;
  // P[0] lies along rows and P[1] along columns, but in v0; each is counted from the middle of the other one's side.
  auto along = [&](int axis, int size, int other) {
    auto part = [&](Tensor t) { return reshape(slice(t, 0, axis, 1), each); };
    return shares(part(p) + static_cast<float>(other / 2), part(sigma), size, o.spread);
  };
  int h = o.box.h, w = o.box.w;
  Tensor across, down;
  if (o.axes == 1)
    across = along(0, w, w);
  else if (o.spread == Spread::plain)
    down = along(0, h, h), across = along(1, w, w);
  else
    across = along(0, w, h), down = along(1, h, w);
  Tensor scale = reshape(weight, {o.out, o.in, o.count, 1});
  if (o.spread != Spread::plain) {
    Tensor sum = reduce_sum(across, {3});
    scale = scale / ((down ? sum * reduce_sum(down, {3}) : sum) + 1e-7f);
  }
  Tensor kernel = matmul(down ? down * scale : scale, across, {.ta = true});  // [out,in,h,w]
  return transpose(kernel, {0, 2, 3, 1});
}

}  // namespace fovea
