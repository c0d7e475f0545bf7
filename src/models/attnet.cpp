// AttNet (arXiv:2510.20092): attentive convolutions in place of attention. Names follow the authors' implementation.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/conv_norm.h"
#include "nn/dynamic_conv.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct AttNet {
  std::array<int, 4> depths, dims;
  bool scale = true;  // the blocks' branches
  bool norm = true;   // inside of the gated layers
};
constexpr ConvNorm conv_norm{"0", "1"};

Tensor conv(Scope s, Tensor x, int out, int window = 1, int groups = 1) {
  return conv(s, x, out, window, {.groups = groups, .bias = true, .init = truncated_normal});
}

Tensor gated(Scope s, Tensor x, int expand, bool norm) {  // [n,h,w,c] -> same
  int c = x.c(), hidden = 2 * c * expand / 3;
  Tensor y = conv(s["fc1"], x, 2 * hidden);
  y = gelu(conv(s["dwconv"], slice(y, 3, 0, hidden), hidden, 3, hidden)) * slice(y, 3, hidden, hidden);
  return conv(s["fc2"], norm ? rms_norm(s["norm_layer"], y) : y, c);
}

Tensor block(Scope s, Tensor x, int expand, const AttNet& m, float drop) {  // [n,h,w,c] -> same
  auto add = [&](Scope branch, const char* name, Tensor y) {
    x = x + drop_path(branch, m.scale ? layer_scale(s[name], y, "gamma", 1e-6f) : y, drop);
  };
  Scope tokens = s["token_mixer"], channels = s["channel_mixer"];
  add(tokens, "layer_scale_1", attentive_conv(tokens, layer_norm(s["norm_1"], x)));
  add(channels, "layer_scale_2", gated(channels, layer_norm(s["norm_2"], x), expand, m.norm));
  return s.out(x);
}

Tensor attnet(Scope s, Tensor x, const AttNet& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  constexpr std::array<int, 4> expand = {8, 8, 4, 4};
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 4; i++) {
    Scope down = s["downsample_layers"][static_cast<int>(i)];
    if (i == 0) x = gelu(conv_norm(down[0], x, m.dims[0] / 2, 3, 2));
    x = conv_norm(i == 0 ? down[2] : down, x, m.dims[i], 3, 2);
    for (int j = 0; j < m.depths[i]; j++) x = block(s["stages"][static_cast<int>(i)][j], x, expand[i], m, drop.next());
  }
  x = layer_norm(s["norm"], global_avg_pool(x), 1e-5f);
  return linear(s["head"], dropout(s["head"], x, o.drop), o.classes, {.init = truncated_normal});
}

const Variant<AttNet> variants[] = {
    {"attnet_xxs", {{2, 2, 4, 2}, {32, 64, 128, 240}, false, false}, imagenet_card()},
    {"attnet_xs", {{2, 2, 7, 2}, {40, 80, 160, 320}, true, false}, imagenet_card()},
    {"attnet_s", {{2, 3, 10, 3}, {40, 80, 160, 320}, false, false}, imagenet_card()},
    {"attnet_t1", {{2, 3, 12, 3}, {48, 96, 224, 384}}, imagenet_card()},
    {"attnet_t2", {{3, 3, 16, 3}, {64, 128, 288, 512}}, imagenet_card()},
    {"attnet_t3", {{4, 4, 26, 4}, {72, 144, 320, 576}}, imagenet_card()},
    {"attnet_t4", {{5, 5, 28, 5}, {96, 192, 384, 768}}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_attnet() { return models_from<AttNet>("attnet", variants, attnet); }

}  // namespace fovea
