// PP-LCNetV2 of PaddleClas: depthwise and 1x1 convolutions by turns, large windows trained as several branches. Names follow
// timm.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/channel_attention.h"
#include "nn/conv_norm_act.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct LCNetV2 {
  double width;
  std::array<int, 4> depths = {2, 2, 6, 2};
};
struct Stage {
  int out, window = 3;
  bool split = false;     // two 1x1 convolutions, the first with half of the channels
  bool branches = false;  // beside the window all smaller odd ones
  bool squeeze = false, shortcut = false;
};
constexpr Stage kStages[] = {{128}, {256}, {512, 5, true, true, true}, {1024, 5, false, true, false, true}};

Tensor layer(Scope s, Tensor x, int out, int window = 1, int stride = 1, int groups = 1, Act act = Act::relu) {
  return conv_norm_act(s, x, out, window, {.stride = stride, .groups = groups, .act = act, .init = fan_out_normal});
}

Tensor block(Scope s, Tensor x, int out, int stride, const Stage& m) {  // [n,h,w,c] -> [n,h/stride,w/stride,out]
  int c = x.c();
  Tensor y;
  if (m.branches) {
    int i = 0;
    for (int window = m.window; window > 0; window -= 2) {
      if (window == 1 && stride > 1) break;
      Tensor branch = layer(s["dw_conv_list"][i], x, c, window, stride, c, Act::none);
      y = i++ ? y + branch : branch;
    }
    y = relu(y);
  } else {
    y = layer(s["dw_conv"], x, c, m.window, stride, c);
  }
  if (m.squeeze) y = squeeze_excite(s["se"], y, {.hidden = c / 4});
  Scope pixel = s["pw_conv"];
  y = m.split ? layer(pixel[1], layer(pixel[0], y, out / 2), out) : layer(pixel, y, out);
  return s.out(m.shortcut && stride == 1 && c == out ? x + y : y);
}

Tensor lcnetv2(Scope s, Tensor x, const LCNetV2& m, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  constexpr int kHidden = 1280;
  x = layer(s["stem"][0], x, round_channels(32 * m.width), 3, 2);
  x = block(s["stem"][1], x, round_channels(64 * m.width), 1, {0});
  for (int stage = 0; stage < 4; stage++)
    for (int i = 0; i < m.depths[static_cast<size_t>(stage)]; i++) {
      const Stage& of = kStages[stage];
      x = block(s["stages"][stage][i], x, round_channels(of.out * m.width), i == 0 ? 2 : 1, of);
    }
  x = relu(conv(s["conv_head"], reduce_mean(x, {1, 2}), kHidden, 1, {.init = fan_out_normal}));  // [n,1,1,c]
  return linear(s["classifier"], dropout(s["classifier"], reshape(x, {x.n(), kHidden}), o.drop), o.classes);
}

const Variant<LCNetV2> variants[] = {
    {"lcnetv2_small", {0.75, {2, 2, 4, 2}}, imagenet_card()},
    {"lcnetv2_base", {1}, imagenet_card()},
    {"lcnetv2_large", {1.25, {2, 2, 8, 2}}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_lcnetv2() { return models_from<LCNetV2>("lcnetv2", variants, lcnetv2); }

}  // namespace fovea
