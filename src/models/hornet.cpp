// HorNet (arXiv:2207.14284): ConvNeXt's frame around recursive gated convolutions, of a higher order in each stage. Names
// follow the authors' implementation.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/gated_conv.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct HorNet {
  int dim;               // of the first stage, twice as many in each that follows
  Pair filter = {0, 0};  // spectrum of the global filters in the third stage, half of it in the fourth; none: 7x7
  Pair last_filter = {0, 0};
};

Tensor conv(Scope s, Tensor x, int out, int stride) {
  return conv(s, x, out, stride, {.stride = stride, .pad = Padding::none, .bias = true, .init = truncated_normal});
}
Tensor dense(Scope s, Tensor x, int out) { return linear(s, x, out, {.init = truncated_normal}); }

Tensor block(Scope s, Tensor x, const GatedConv& a, float drop) {  // [n,h,w,c] -> same
  Tensor y = gated_conv(s["gnconv"], layer_norm(s["norm1"], x), a);
  x = x + drop_path(s["gnconv"], layer_scale(s, y, "gamma1", 1e-6f), drop);
  y = dense(s["pwconv2"], gelu(dense(s["pwconv1"], layer_norm(s["norm2"], x), 4 * x.c())), x.c());
  return s.out(x + drop_path(s, layer_scale(s, y, "gamma2", 1e-6f), drop));
}

Tensor hornet(Scope s, Tensor x, const HorNet& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  const std::array<int, 4> depths = {2, 3, 18, 2};
  const std::array<Pair, 4> filters = {Pair(0), Pair(0), m.filter, m.last_filter};
  DropRamp drop(o.drop_path, depths);
  for (int i = 0; i < 4; i++) {
    Scope down = s["downsample_layers"][i];
    if (i == 0) x = layer_norm(down[1], conv(down[0], x, m.dim, 4));
    if (i > 0) x = conv(down[1], layer_norm(down[0], x), m.dim << i, 2);
    GatedConv a{.order = i + 2, .scale = 1.0f / 3, .filter = filters[static_cast<size_t>(i)]};
    for (int j = 0; j < depths[static_cast<size_t>(i)]; j++) x = block(s["stages"][i][j], x, a, drop.next());
  }
  x = layer_norm(s["norm"], global_avg_pool(x));
  return dense(s["head"], dropout(s["head"], x, o.drop), o.classes);
}

HorNet filtered(int dim) { return {dim, {14, 8}, {7, 4}}; }
HorNet filtered_384(int dim) { return {dim, {24, 13}, {12, 7}}; }

const Variant<HorNet> variants[] = {
    {"hornet_tiny_7x7", {64}, imagenet_card()},
    {"hornet_tiny_gf", filtered(64), imagenet_card()},
    {"hornet_small_7x7", {96}, imagenet_card()},
    {"hornet_small_gf", filtered(96), imagenet_card()},
    {"hornet_base_7x7", {128}, imagenet_card()},
    {"hornet_base_gf", filtered(128), imagenet_card()},
    {"hornet_base_gf_img384", filtered_384(128), imagenet_card(384, 1)},
    {"hornet_large_7x7", {192}, imagenet_card()},
    {"hornet_large_gf", filtered(192), imagenet_card()},
    {"hornet_large_gf_img384", filtered_384(192), imagenet_card(384, 1)},
};

}  // namespace

std::vector<Model> models_of_hornet() { return models_from<HorNet>("hornet", variants, hornet); }

}  // namespace fovea
