// StarNet (arXiv:2403.19967): two linear maps multiplied with each other in place of a nonlinearity. Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct StarNet {
  int dim;
  std::array<int, 4> depths;
  int expand = 4;
};

Tensor conv(Scope s, Tensor x, int out, int window, int stride, int groups) {
  return conv(s["conv"], x, out, window, {.stride = stride, .groups = groups, .bias = true, .init = truncated_normal});
}
Tensor conv_norm(Scope s, Tensor x, int out, int window, int stride = 1, int groups = 1) {
  return batch_norm(s["bn"], conv(s, x, out, window, stride, groups));
}
Tensor pointwise(Scope s, Tensor x, int out) { return conv(s, x, out, 1, 1, 1); }

Tensor block(Scope s, Tensor x, int expand, float drop) {  // [n,h,w,c] -> same
  int c = x.c();
  Tensor y = conv_norm(s["dwconv"], x, c, 7, 1, c);
  y = activation(pointwise(s["f1"], y, expand * c), Act::relu6) * pointwise(s["f2"], y, expand * c);
  y = conv(s["dwconv2"], conv_norm(s["g"], y, c, 1), c, 7, 1, c);
  return s.out(x + drop_path(s, y, drop));
}

Tensor starnet(Scope s, Tensor x, const StarNet& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = activation(conv_norm(s["stem"][0], x, 32, 3, 2), Act::relu6);
  DropRamp drop(o.drop_path, m.depths);
  for (int i = 0; i < 4; i++) {
    Scope stage = s["stages"][i];
    x = conv_norm(stage[0], x, m.dim << i, 3, 2);
    for (int j = 1; j <= m.depths[static_cast<size_t>(i)]; j++) x = block(stage[j], x, m.expand, drop.next());
  }
  x = global_avg_pool(batch_norm(s["norm"], x));
  return linear(s["head"], dropout(s["head"], x, o.drop), o.classes, {.init = truncated_normal});
}

const Variant<StarNet> variants[] = {
    {"starnet_s1", {24, {2, 2, 8, 3}}, imagenet_card()},      {"starnet_s2", {32, {1, 2, 6, 2}}, imagenet_card()},
    {"starnet_s3", {32, {2, 2, 8, 4}}, imagenet_card()},      {"starnet_s4", {32, {3, 3, 12, 5}}, imagenet_card()},
    {"starnet_s050", {16, {1, 1, 3, 1}, 3}, imagenet_card()}, {"starnet_s100", {20, {1, 2, 4, 1}}, imagenet_card()},
    {"starnet_s150", {24, {1, 2, 4, 2}, 3}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_starnet() { return models_from<StarNet>("starnet", variants, starnet); }

}  // namespace fovea
