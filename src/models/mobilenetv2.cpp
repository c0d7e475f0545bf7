// MobileNet V2 (arXiv:1801.04381): inverted residuals with linear bottlenecks. Names follow timm.
#include <algorithm>

#include "models/cards.h"
#include "models/mobile.h"

namespace fovea {

namespace {

using mobile::inverted, mobile::separable;

// fixed: stem and head keep their channels, the first and last stage their depth
MobileNet v2(double width, double depth = 1, bool fixed = false) {
  return {.stages = {{separable(1, 3, 1, 16)},
                     {inverted(2, 3, 2, 6, 24)},
                     {inverted(3, 3, 2, 6, 32)},
                     {inverted(4, 3, 2, 6, 64)},
                     {inverted(3, 3, 1, 6, 96)},
                     {inverted(3, 3, 2, 6, 160)},
                     {inverted(1, 3, 1, 6, 320)}},
          .width = width,
          .depth = depth,
          .fixed_stem = fixed,
          .fixed_ends = fixed,
          .act = Act::relu6,
          .features = fixed ? 1280 : std::max(1280, round_channels(1280 * width))};
}

const Variant<MobileNet> variants[] = {
    {"mobilenetv2_035", v2(0.35), imagenet_card()},
    {"mobilenetv2_050", v2(0.5), imagenet_card()},
    {"mobilenetv2_075", v2(0.75), imagenet_card()},
    {"mobilenetv2_100", v2(1), imagenet_card()},
    {"mobilenetv2_140", v2(1.4), imagenet_card()},
    {"mobilenetv2_110d", v2(1.1, 1.2, true), imagenet_card()},
    {"mobilenetv2_120d", v2(1.2, 1.4, true), imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_mobilenetv2() { return mobile_models("mobilenetv2", variants); }

}  // namespace fovea
