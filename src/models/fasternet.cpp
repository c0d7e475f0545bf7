// FasterNet (arXiv:2303.03667): a 3x3 convolution of a quarter of the channels, then an MLP. Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct FasterNet {
  int dim;
  std::array<int, 4> depths;
  Act act = Act::relu;
};

Tensor conv(Scope s, Tensor x, int out, int window, int stride = 1) {
  Padding pad = stride > 1 ? Padding::none : Padding::centred;
  return conv(s, x, out, window, {.stride = stride, .pad = pad, .init = truncated_normal});
}

Tensor block(Scope s, Tensor x, Act act, float drop) {  // [n,h,w,c] -> same
  int c = x.c(), part = c / 4;
  Scope mixing = s["spatial_mixing"]["partial_conv3"], mlp = s["mlp"];
  Tensor parts[] = {conv(mixing, slice(x, 3, 0, part), part, 3), slice(x, 3, part, c - part)};
  Tensor y = activation(batch_norm(mlp[1], conv(mlp[0], concat(parts, 3), 2 * c, 1)), act);
  return s.out(x + drop_path(s, conv(mlp[3], y, c, 1), drop));
}

Tensor fasternet(Scope s, Tensor x, const FasterNet& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = batch_norm(s["patch_embed"]["norm"], conv(s["patch_embed"]["proj"], x, m.dim, 4, 4));
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 4; i++) {
    Scope stage = s["stages"][static_cast<int>(i)], down = stage["downsample"];
    if (i > 0) x = batch_norm(down["norm"], conv(down["reduction"], x, 2 * x.c(), 2, 2));
    for (int j = 0; j < m.depths[i]; j++) x = block(stage["blocks"][j], x, m.act, drop.next());
  }
  x = activation(conv(s["conv_head"], reduce_mean(x, {1, 2}), 1280, 1), m.act);
  return linear(s["classifier"], dropout(s, global_avg_pool(x), o.drop), o.classes, {.init = truncated_normal});
}

const Variant<FasterNet> variants[] = {
    {"fasternet_t0", {40, {1, 2, 8, 2}, Act::gelu}, imagenet_card(224, 1)},
    {"fasternet_t1", {64, {1, 2, 8, 2}, Act::gelu}, imagenet_card(224, 1)},
    {"fasternet_t2", {96, {1, 2, 8, 2}}, imagenet_card(224, 1)},
    {"fasternet_s", {128, {1, 2, 13, 2}}, imagenet_card(224, 1)},
    {"fasternet_m", {144, {3, 4, 18, 3}}, imagenet_card(224, 1)},
    {"fasternet_l", {192, {3, 4, 18, 3}}, imagenet_card(224, 1)},
};

}  // namespace

std::vector<Model> models_of_fasternet() { return models_from<FasterNet>("fasternet", variants, fasternet); }

}  // namespace fovea
