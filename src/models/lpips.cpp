// LPIPS (arXiv:1801.03924): how different two pictures in -1..1 look, "image" and "in1", by the features of a classifier.
// Outputs: the distance, and the part of each layer. Names follow richzhang/PerceptualSimilarity.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "nn/resize.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

// Part of a trunk: its number there, the slice of the trunk, whose result is compared, and what it is.
struct Layer {
  int index, slice;
  enum class Kind : uint8_t { conv, pool, fire } kind;
  int out = 0, window = 3, stride = 1, pad = 0;
};
using Trunk = std::span<const Layer>;
constexpr Layer conv_layer(int index, int slice, int out, int window = 3, int stride = 1, int pad = 1) {
  return {index, slice, Layer::Kind::conv, out, window, stride, pad};
}
constexpr Layer pool_layer(int index, int slice, int window = 3) { return {index, slice, Layer::Kind::pool, 0, window, 2}; }
constexpr Layer fire_layer(int index, int slice, int out) { return {index, slice, Layer::Kind::fire, out}; }

constexpr Layer alex[] = {
    conv_layer(0, 1, 64, 11, 4, 2), pool_layer(2, 2),      conv_layer(3, 2, 192, 5, 1, 2), pool_layer(5, 3),
    conv_layer(6, 3, 384),          conv_layer(8, 4, 256), conv_layer(10, 5, 256)};
constexpr Layer vgg[] = {conv_layer(0, 1, 64),   conv_layer(2, 1, 64), pool_layer(4, 2, 2),    conv_layer(5, 2, 128),
                         conv_layer(7, 2, 128),  pool_layer(9, 3, 2),  conv_layer(10, 3, 256), conv_layer(12, 3, 256),
                         conv_layer(14, 3, 256), pool_layer(16, 4, 2), conv_layer(17, 4, 512), conv_layer(19, 4, 512),
                         conv_layer(21, 4, 512), pool_layer(23, 5, 2), conv_layer(24, 5, 512), conv_layer(26, 5, 512),
                         conv_layer(28, 5, 512)};
constexpr Layer squeeze[] = {conv_layer(0, 1, 64, 3, 2, 0), pool_layer(2, 2),       fire_layer(3, 2, 128),
                             fire_layer(4, 2, 128),         pool_layer(5, 3),       fire_layer(6, 3, 256),
                             fire_layer(7, 3, 256),         pool_layer(8, 4),       fire_layer(9, 4, 384),
                             fire_layer(10, 5, 384),        fire_layer(11, 6, 512), fire_layer(12, 7, 512)};

Tensor active(Scope s, Tensor x, int out, int window, const ConvOptions& o = {.bias = true}) {
  return relu(conv(s, x, out, window, o));
}
Tensor run(Scope s, Tensor x, const Layer& a, bool whole) {
  if (a.kind == Layer::Kind::pool) {  // whole: windows that leave the picture count
    auto rest = [&](int size) { return whole && size > a.window ? (size - a.window) % 2 : 0; };
    return max_pool(x, a.window, a.stride, Pad(0, 0, rest(x.h()), rest(x.w())));
  }
  if (a.kind == Layer::Kind::conv) {
    const bool centred = a.window == 2 * a.pad + 1;
    if (!centred) x = pad(x, {0, a.pad, a.pad, 0}, {0, a.pad, a.pad, 0});
    const Padding padding = centred ? Padding::centred : Padding::none;
    return active(s, x, a.out, a.window, {.stride = a.stride, .pad = padding, .bias = true});
  }
  x = active(s["squeeze"], x, a.out / 8, 1);
  Tensor parts[] = {active(s["expand1x1"], x, a.out / 2, 1), active(s["expand3x3"], x, a.out / 2, 3)};
  return concat(parts, 3);
}

// Features of both, of length 1 in every pixel, once for each slice.
std::vector<Tensor> features(Scope s, Tensor x, Trunk trunk) {
  std::vector<Tensor> r;
  for (size_t i = 0; i < trunk.size(); i++) {
    const Layer& a = trunk[i];
    x = run(s["slice" + std::to_string(a.slice)][a.index], x, a, trunk.data() == squeeze);
    if (i + 1 < trunk.size() && trunk[i + 1].slice == a.slice) continue;
    r.push_back(x / (sqrt(reduce_sum(square(x), {3}) + 1e-20f) + 1e-10f));  // the first keeps a gradient at zero
  }
  return r;
}

Tensor scaled(Tensor x) {
  const float shift[] = {-0.030f, -0.088f, -0.188f}, scale[] = {0.458f, 0.448f, 0.450f};
  Tensor planes[3];
  for (int i = 0; i < 3; i++) planes[i] = (slice(x, 3, i, 1) - shift[i]) / scale[i];
  return concat(planes, 3);
}

Tensor lpips(Scope s, Tensor x, Trunk trunk, const ModelOptions& o) {  // [n,h,w,3] -> [n,1,1,1]
  Shape shape = x.shape();
  Tensor pictures[] = {x, s.graph().input("in1", {shape})};
  Tensor both = concat(pictures, 0), sum;
  if (o.settings.text("version", "0.1") == "0.1") both = scaled(both);
  const bool weighted = o.settings.flag("lpips", true), map = o.settings.flag("spatial", false);
  std::vector<Tensor> each = features(s["net"], both, trunk);
  for (size_t i = 0; i < each.size(); i++) {
    Tensor difference = square(slice(each[i], 0, 0, shape[0]) - slice(each[i], 0, shape[0], shape[0]));
    Scope at = s["lin" + std::to_string(i)]["model"][1];
    difference = weighted ? conv(at, dropout(at, difference, o.drop), 1, 1) : reduce_sum(difference, {3});
    Tensor part = map ? resize_bilinear(difference, shape[1], shape[2]) : reduce_mean(difference, {1, 2});
    s.graph().output("layer" + std::to_string(i), part);
    sum = sum ? sum + part : part;
  }
  return sum;
}

Model model(const char* name, Trunk trunk) {
  return {.name = name,
          .family = "lpips",
          .card = half_card(64),
          .classes = 1,
          .build = [trunk](Scope s, Tensor x, const ModelOptions& o) { return lpips(s, x, trunk, o); },
          .kind = ModelKind::network};
}

}  // namespace

std::vector<Model> models_of_lpips() {
  return {model("lpips_alex", alex), model("lpips_vgg", vgg), model("lpips_squeeze", squeeze)};
}

}  // namespace fovea
