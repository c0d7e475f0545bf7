// MobileNet V2 (arXiv:1801.04381): inverted residuals with linear bottlenecks. Names follow timm.
#include <algorithm>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/mobile.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct MobileNetV2 {
  double width = 1, depth = 1;
  bool fixed = false;  // stem and head keep their channels, the first and last stage their depth
};

MobileRow inverted(int repeat, int stride, int out) { return {.repeat = repeat, .stride = stride, .expand = 6, .out = out}; }

Tensor mobilenetv2(Scope s, Tensor x, const MobileNetV2& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  static const std::vector<MobileStage> stages = {{{.block = MobileBlock::separable, .out = 16}},
                                                  {inverted(2, 2, 24)},
                                                  {inverted(3, 2, 32)},
                                                  {inverted(4, 2, 64)},
                                                  {inverted(3, 1, 96)},
                                                  {inverted(3, 2, 160)},
                                                  {inverted(1, 1, 320)}};
  int head = m.fixed ? 1280 : std::max(1280, round_channels(1280 * m.width));
  MobileTrunk trunk{.stages = stages, .width = m.width, .depth = m.depth, .fixed_stem = m.fixed, .fixed_ends = m.fixed};
  x = mobile_trunk(s, x, trunk, o.drop_path);
  x = activation(batch_norm(s["bn2"], conv(s["conv_head"], x, head, 1, {.init = group_fan_out_normal})), Act::relu6);
  return mobile_classifier(s["classifier"], global_avg_pool(x), o.classes, o.drop);
}

const Variant<MobileNetV2> variants[] = {
    {"mobilenetv2_035", {0.35}, imagenet_card()},
    {"mobilenetv2_050", {0.5}, imagenet_card()},
    {"mobilenetv2_075", {0.75}, imagenet_card()},
    {"mobilenetv2_100", {1.0}, imagenet_card()},
    {"mobilenetv2_140", {1.4}, imagenet_card()},
    {"mobilenetv2_110d", {1.1, 1.2, true}, imagenet_card()},
    {"mobilenetv2_120d", {1.2, 1.4, true}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_mobilenetv2() { return models_from<MobileNetV2>("mobilenetv2", variants, mobilenetv2); }

}  // namespace fovea
