// HRNet (arXiv:1908.07919): branches of several resolutions side by side, which exchange what they know. Names follow timm;
// ssld variants have no biases in the head.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/conv_norm_act.h"
#include "nn/high_resolution.h"
#include "nn/resize.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct HRNet {
  int width;                               // of the finest branch, every next one has twice as much
  std::array<int, 3> modules = {1, 4, 3};  // of stages 2 to 4
  int blocks = 4;                          // of every branch
  int first_blocks = 4, first_width = 64;  // stage 1: bottlenecks
  bool head_bias = true;
};

Tensor basic(Scope s, Tensor x, int out) {  // [n,h,w,out] -> same
  Tensor y = conv_norm_act(s, x, out, 3, {.conv = "conv1", .norm = "bn1"});
  return s.out(relu(x + conv_norm_act(s, y, out, 3, {.act = Act::none, .conv = "conv2", .norm = "bn2"})));
}

// Every branch by itself, then the sum of all at every branch's resolution.
Maps exchange(Scope s, Maps x, const HRNet& m) {
  for (size_t i = 0; i < x.size(); i++)
    for (int j = 0; j < m.blocks; j++) x[i] = basic(s["branches"][static_cast<int>(i)][j], x[i], x[i].c());
  Maps y;
  for (size_t i = 0; i < x.size(); i++) {
    Tensor sum;
    for (size_t j = 0; j < x.size(); j++) {
      Scope at = s["fuse_layers"][static_cast<int>(i)][static_cast<int>(j)];
      Tensor part = x[j];
      if (j < i) part = halve(at, part, static_cast<int>(i - j), x[i].c(), Act::none);
      if (j > i) part = resize_nearest(conv_norm_pair(at, part, x[i].c(), 1, 1, Act::none), x[i].h(), x[i].w());
      sum = j == 0 ? part : sum + part;
    }
    y.push_back(relu(sum));
  }
  return y;
}

Tensor head(Scope s, const Maps& x, const HRNet& m) {  // -> [n,h,w,2048]
  Tensor y;
  for (int i = 0; i < 4; i++) {
    Tensor part = bottleneck(s["incre_modules"][i][0], x[static_cast<size_t>(i)], 32 << i);
    s["stage" + std::to_string(i + 1)].feature(part);
    y = i == 0 ? part : part + conv_norm_pair(s["downsamp_modules"][i - 1], y, 128 << i, 3, 2, Act::relu, m.head_bias);
  }
  return conv_norm_pair(s["final_layer"], y, 2048, 1, 1, Act::relu, m.head_bias);
}

Tensor hrnet(Scope s, Tensor x, const HRNet& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = s["stem"].feature(conv_norm_act(s, x, 64, 3, {.stride = 2, .conv = "conv1", .norm = "bn1"}));
  x = conv_norm_act(s, x, 64, 3, {.stride = 2, .conv = "conv2", .norm = "bn2"});
  for (int i = 0; i < m.first_blocks; i++) x = bottleneck(s["layer1"][i], x, m.first_width);
  Maps maps = {x};
  for (int stage = 0; stage < 3; stage++) {
    maps = transition(s["transition" + std::to_string(stage + 1)], maps, stage + 2, m.width);
    Scope at = s["stage" + std::to_string(stage + 2)];
    for (int i = 0; i < m.modules[static_cast<size_t>(stage)]; i++) maps = exchange(at[i], maps, m);
  }
  x = global_avg_pool(head(s, maps, m));
  return linear(s["classifier"], dropout(s["classifier"], x, o.drop), o.classes);
}

HRNet ssld(HRNet m) { return m.head_bias = false, m; }
Card bilinear(float crop = 0.875f) { return imagenet_card(224, crop, "bilinear"); }

const Variant<HRNet> variants[] = {
    {"hrnet_w18_small", {16, {1, 1, 1}, 2, 1, 32}, imagenet_card()},
    {"hrnet_w18_small_v2", {18, {1, 3, 2}, 2, 2}, imagenet_card()},
    {"hrnet_w18", {18}, bilinear(0.95f)},
    {"hrnet_w30", {30}, bilinear()},
    {"hrnet_w32", {32}, bilinear()},
    {"hrnet_w40", {40}, bilinear()},
    {"hrnet_w44", {44}, bilinear()},
    {"hrnet_w48", {48}, bilinear()},
    {"hrnet_w64", {64}, bilinear()},
    {"hrnet_w18_ssld", ssld({18}), bilinear(0.95f)},
    {"hrnet_w48_ssld", ssld({48}), bilinear(0.95f)},
};

}  // namespace

std::vector<Model> models_of_hrnet() { return models_from<HRNet>("hrnet", variants, hrnet); }

}  // namespace fovea
