// FBNet-C (arXiv:1812.03443) and FBNet V3 (arXiv:2006.02049), found by search. Names follow timm.
#include "models/cards.h"
#include "models/mobile.h"

namespace fovea {

namespace {

using mobile::inverted, mobile::plain, mobile::separable;

MobileNet c() {
  return {
      .stages = {{inverted(1, 3, 1, 1, 16)},
                 {inverted(1, 3, 2, 6, 24), inverted(2, 3, 1, 1, 24)},
                 {inverted(1, 5, 2, 6, 32), inverted(1, 5, 1, 3, 32), inverted(1, 5, 1, 6, 32), inverted(1, 3, 1, 6, 32)},
                 {inverted(1, 5, 2, 6, 64), inverted(1, 5, 1, 3, 64), inverted(2, 5, 1, 6, 64)},
                 {inverted(3, 5, 1, 6, 112), inverted(1, 5, 1, 3, 112)},
                 {inverted(4, 5, 2, 6, 184)},
                 {inverted(1, 3, 1, 6, 352)}},
      .stem = 16,
      .features = 1984};
}

MobileNet v3(int stem, std::vector<MobileStage> stages) {
  return {.stages = std::move(stages),
          .stem = stem,
          .keep = 0.95,
          .act = Act::hard_swish,
          .squeeze = {.of_input = true, .divisor = 8, .keep = 0.95, .gate = Act::hard_sigmoid},
          .head = MobileHead::after_pool,
          .features = 1984,
          .head_bias = false};
}
MobileNet b() {
  return v3(16, {{separable(2, 3, 1, 16)},
                 {inverted(1, 5, 2, 4, 24), inverted(3, 5, 1, 2, 24)},
                 {inverted(1, 5, 2, 5, 40, 0.25), inverted(4, 5, 1, 3, 40, 0.25)},
                 {inverted(1, 5, 2, 5, 72), inverted(4, 3, 1, 3, 72)},
                 {inverted(1, 3, 1, 5, 120, 0.25), inverted(5, 5, 1, 3, 120, 0.25)},
                 {inverted(1, 3, 2, 6, 184, 0.25), inverted(5, 5, 1, 4, 184, 0.25), inverted(1, 5, 1, 6, 224, 0.25)},
                 {plain(1, 1, 1, 1344)}});
}
MobileNet d() {
  return v3(24, {{separable(2, 3, 1, 16)},
                 {inverted(1, 3, 2, 5, 24), inverted(5, 3, 1, 2, 24)},
                 {inverted(1, 5, 2, 4, 40, 0.25), inverted(4, 3, 1, 3, 40, 0.25)},
                 {inverted(1, 3, 2, 5, 72), inverted(4, 3, 1, 3, 72)},
                 {inverted(1, 3, 1, 5, 128, 0.25), inverted(6, 5, 1, 3, 128, 0.25)},
                 {inverted(1, 3, 2, 6, 208, 0.25), inverted(5, 5, 1, 5, 208, 0.25), inverted(1, 5, 1, 6, 240, 0.25)},
                 {plain(1, 1, 1, 1440)}});
}
MobileNet g() {
  return v3(32, {{separable(3, 3, 1, 24)},
                 {inverted(1, 5, 2, 4, 40), inverted(4, 5, 1, 2, 40)},
                 {inverted(1, 5, 2, 4, 56, 0.25), inverted(4, 5, 1, 3, 56, 0.25)},
                 {inverted(1, 5, 2, 5, 104), inverted(4, 3, 1, 3, 104)},
                 {inverted(1, 3, 1, 5, 160, 0.25), inverted(8, 5, 1, 3, 160, 0.25)},
                 {inverted(1, 3, 2, 6, 264, 0.25), inverted(6, 5, 1, 5, 264, 0.25), inverted(2, 5, 1, 6, 288, 0.25)},
                 {plain(1, 1, 1, 1728)}});
}

const Variant<MobileNet> variants[] = {
    {"fbnetc_100", c(), imagenet_card(224, 0.875f, "bilinear")},
    {"fbnetv3_b", b(), imagenet_card(224, 0.95f, "bilinear")},
    {"fbnetv3_d", d(), imagenet_card(224, 0.95f, "bilinear")},
    {"fbnetv3_g", g(), imagenet_card(240, 0.95f, "bilinear")},
};

}  // namespace

std::vector<Model> models_of_fbnet() { return mobile_models("fbnet", variants); }

}  // namespace fovea
