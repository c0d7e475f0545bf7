// MobileNet EdgeTPU, V1 and V2 (TensorFlow model garden): dense convolutions where an accelerator is fastest at them. Names
// follow timm.
#include "models/cards.h"
#include "models/mobile.h"

namespace fovea {

namespace {

using namespace mobile;

MobileNet v1() {
  return {.stages = {{plain(1, 1, 1, 16)},
                     {fused(1, 3, 2, 8, 32), fused(3, 3, 1, 4, 32)},
                     {fused(1, 3, 2, 8, 48), fused(3, 3, 1, 4, 48)},
                     {inverted(1, 3, 2, 8, 96), inverted(3, 3, 1, 4, 96)},
                     {no_shortcut(inverted(1, 3, 1, 8, 96)), inverted(3, 3, 1, 4, 96)},
                     {inverted(1, 5, 2, 8, 160), inverted(3, 5, 1, 4, 160)},
                     {inverted(1, 3, 1, 8, 192)}}};
}

MobileNet v2(int stem, int window, const std::array<int, 7>& c, int group, int features) {
  auto grouped = [&](int out) {
    MobileRow r = fused(1, 3, 1, 4, out);
    return r.group = group, r;
  };
  return {.stages = {{plain(1, 1, 1, c[0])},
                     {fused(1, 3, 2, 8, c[1]), grouped(c[1])},
                     {fused(1, 3, 2, 8, c[2]), grouped(c[2]), fused(1, 3, 1, 4, c[2]), grouped(c[2])},
                     {fused(1, 3, 2, 8, c[3]), inverted(3, 3, 1, 4, c[3])},
                     {inverted(1, 3, 1, 8, c[4]), inverted(3, 3, 1, 4, c[4])},
                     {inverted(1, 3, 2, 8, c[5]), inverted(3, 3, 1, 4, c[5])},
                     {inverted(1, 3, 1, 8, c[6])}},
          .stem = stem,
          .stem_window = window,
          .features = features};
}

Card card() { return imagenet_card(224, 0.9f); }

const Variant<MobileNet> variants[] = {
    {"mobilenet_edgetpu_100", v1(), card()},
    {"mobilenet_edgetpu_v2_xs", v2(32, 3, {16, 32, 48, 96, 144, 160, 192}, 64, 1280), card()},
    {"mobilenet_edgetpu_v2_s", v2(64, 5, {24, 48, 64, 128, 160, 192, 256}, 64, 1280), card()},
    {"mobilenet_edgetpu_v2_m", v2(64, 5, {32, 64, 80, 160, 192, 240, 320}, 64, 1344), half_card(224, 0.9f)},
    {"mobilenet_edgetpu_v2_l", v2(64, 7, {32, 64, 96, 192, 240, 256, 384}, 128, 1408), card()},
};

}  // namespace

std::vector<Model> models_of_mobilenet_edgetpu() { return mobile_models("mobilenet_edgetpu", variants); }

}  // namespace fovea
