// Mobile networks for 32x32 pictures that differ in one thing, to see what it does: depthwise against dense convolutions
// (arXiv:1704.04861, table 4), and a bottleneck that is linear or not (arXiv:1801.04381, section 6).
#include "models/cards.h"
#include "models/registry.h"
#include "nn/mobile.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct MobileMicro {
  MobileRow row;  // of every block; channels and strides are below
  int stem;
  std::vector<int> outs, strides;
  double width = 1;
};

Tensor mobile_micro(Scope s, Tensor x, const MobileMicro& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  MobileTrunk trunk{.width = m.width, .stem = m.stem};
  for (size_t i = 0; i < m.outs.size(); i++) {
    MobileRow row = m.row;
    row.out = m.outs[i], row.stride = m.strides[i];
    trunk.stages.push_back({row});
  }
  x = mobile_trunk(s, x, trunk, o.drop_path);
  return mobile_classifier(s["classifier"], global_avg_pool(x), o.classes, o.drop);
}

MobileMicro v1(MobileBlock block, double width = 1) {
  MobileRow row{.block = block, .shortcut = false, .active_end = true};
  return {row, 32, {64, 64, 128, 128, 256}, {1, 1, 2, 1, 2}, width};
}
MobileMicro v2(bool active_end) {
  MobileRow row{.repeat = 2, .expand = 6, .active_end = active_end};
  return {row, 16, {8, 16, 24}, {1, 2, 2}};
}

const Variant<MobileMicro> variants[] = {
    {"mobilenetv1_micro", v1(MobileBlock::separable), imagenet_card(32, 1)},
    {"mobilenetv1_micro_140", v1(MobileBlock::separable, 1.4), imagenet_card(32, 1)},
    {"mobilenetv1_micro_dense", v1(MobileBlock::conv), imagenet_card(32, 1)},
    {"mobilenetv2_micro", v2(false), imagenet_card(32, 1)},
    {"mobilenetv2_micro_active", v2(true), imagenet_card(32, 1)},
};

}  // namespace

std::vector<Model> models_of_mobile_micro() { return models_from<MobileMicro>("mobile_micro", variants, mobile_micro, 10); }

}  // namespace fovea
