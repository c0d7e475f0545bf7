// Mobile networks for 32x32 pictures that differ in one thing, to see what it does: depthwise against dense convolutions
// (arXiv:1704.04861, table 4), and a bottleneck that is linear or not (arXiv:1801.04381, section 6).
#include "models/cards.h"
#include "models/mobile.h"

namespace fovea {

namespace {

// The same block everywhere; channels and strides by the stage.
MobileNet micro(MobileRow row, int stem, const std::vector<int>& outs, const std::vector<int>& strides, double width) {
  MobileNet m{.width = width, .stem = stem, .act = Act::relu6, .head = MobileHead::none};
  for (size_t i = 0; i < outs.size(); i++) {
    row.out = outs[i], row.stride = strides[i];
    m.stages.push_back({row});
  }
  return m;
}
MobileNet v1(MobileBlock block, double width = 1) {
  MobileRow row{.block = block, .shortcut = false, .active_end = true};
  return micro(row, 32, {64, 64, 128, 128, 256}, {1, 1, 2, 1, 2}, width);
}
MobileNet v2(bool active_end) {
  MobileRow row{.repeat = 2, .expand = 6, .active_end = active_end};
  return micro(row, 16, {8, 16, 24}, {1, 2, 2}, 1);
}

const Variant<MobileNet> variants[] = {
    {"mobilenetv1_micro", v1(MobileBlock::separable), imagenet_card(32, 1)},
    {"mobilenetv1_micro_140", v1(MobileBlock::separable, 1.4), imagenet_card(32, 1)},
    {"mobilenetv1_micro_dense", v1(MobileBlock::conv), imagenet_card(32, 1)},
    {"mobilenetv2_micro", v2(false), imagenet_card(32, 1)},
    {"mobilenetv2_micro_active", v2(true), imagenet_card(32, 1)},
};

}  // namespace

std::vector<Model> models_of_mobile_micro() { return mobile_models("mobile_micro", variants, 10); }

}  // namespace fovea
