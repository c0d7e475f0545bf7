// MobileNet V3 (arXiv:1905.02244). Names follow timm; tf_ variants pad as TensorFlow does, minimal ones use neither
// squeeze and excitation, hard-swish nor 5x5 windows.
#include "models/cards.h"
#include "models/mobile.h"

namespace fovea {

namespace {

using mobile::inverted, mobile::plain, mobile::separable, mobile::with;

MobileNet small(double width = 1) {
  return {.stages = {{with(separable(1, 3, 2, 16, 0.25), Act::relu)},
                     {with(inverted(1, 3, 2, 4.5, 24), Act::relu), with(inverted(1, 3, 1, 3.67, 24), Act::relu)},
                     {inverted(1, 5, 2, 4, 40, 0.25), inverted(2, 5, 1, 6, 40, 0.25)},
                     {inverted(2, 5, 1, 3, 48, 0.25)},
                     {inverted(3, 5, 2, 6, 96, 0.25)},
                     {plain(1, 1, 1, 576)}},
          .width = width,
          .stem = 16,
          .fixed_stem = width < 0.75,
          .act = Act::hard_swish,
          .squeeze = {.divisor = 8, .act = Act::relu, .gate = Act::hard_sigmoid},
          .head = MobileHead::after_pool,
          .features = 1024};
}

MobileNet large(double width = 1, double depth = 1) {
  MobileNet m = small(width);
  m.stages = {{with(separable(1, 3, 1, 16), Act::relu)},
              {with(inverted(1, 3, 2, 4, 24), Act::relu), with(inverted(1, 3, 1, 3, 24), Act::relu)},
              {with(inverted(3, 5, 2, 3, 40, 0.25), Act::relu)},
              {inverted(1, 3, 2, 6, 80), inverted(1, 3, 1, 2.5, 80), inverted(2, 3, 1, 2.3, 80)},
              {inverted(2, 3, 1, 6, 112, 0.25)},
              {inverted(3, 5, 2, 6, 160, 0.25)},
              {plain(1, 1, 1, 960)}};
  return m.depth = depth, m.features = 1280, m;
}

MobileNet minimal(MobileNet m) {
  for (MobileStage& stage : m.stages)
    for (MobileRow& row : stage) row.window = row.window == 5 ? 3 : row.window, row.squeeze = 0, row.act = Act::none;
  return m.act = Act::relu, m;
}
MobileNet tf(MobileNet m) { return m.pad = Padding::same, m.eps = 1e-3f, m; }

// An early reading of the paper: no shortcut in the first block, no bias in the head.
MobileNet early(MobileNet m) {
  m.stages[0][0].shortcut = false;
  return m.eps = 1e-3f, m.squeeze = {.gate = Act::hard_sigmoid}, m.head_bias = false, m;
}

Card tf_card() { return half_card(224, 0.875f, "bilinear"); }

const Variant<MobileNet> variants[] = {
    {"mobilenetv3_large_075", large(0.75), imagenet_card(224, 0.875f, "bilinear")},
    {"mobilenetv3_large_100", large(), imagenet_card()},
    {"mobilenetv3_large_150d", large(1.5, 1.2), half_card(256, 0.95f, "bilinear")},
    {"mobilenetv3_small_050", small(0.5), imagenet_card()},
    {"mobilenetv3_small_075", small(0.75), imagenet_card()},
    {"mobilenetv3_small_100", small(), imagenet_card()},
    {"mobilenetv3_rw", early(large()), imagenet_card()},
    {"tf_mobilenetv3_large_075", tf(large(0.75)), tf_card()},
    {"tf_mobilenetv3_large_100", tf(large()), tf_card()},
    {"tf_mobilenetv3_large_minimal_100", tf(minimal(large())), tf_card()},
    {"tf_mobilenetv3_small_075", tf(small(0.75)), tf_card()},
    {"tf_mobilenetv3_small_100", tf(small()), tf_card()},
    {"tf_mobilenetv3_small_minimal_100", tf(minimal(small())), tf_card()},
};

}  // namespace

std::vector<Model> models_of_mobilenetv3() { return mobile_models("mobilenetv3", variants); }

}  // namespace fovea
