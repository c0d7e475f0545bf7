// MixNet (arXiv:1907.09595): depthwise convolutions with several windows side by side. Names follow timm; tf_ variants pad
// as TensorFlow does.
#include "models/cards.h"
#include "models/mobile.h"

namespace fovea {

namespace {

using mobile::separable, mobile::with;

// Blocks, windows, stride, expansion, channels, squeeze; parts of the 1x1 convolutions.
MobileRow mixed(int repeat, const Dims& windows, int stride, double expand, int out, double squeeze, int in_parts = 1,
                int out_parts = 1) {
  MobileRow r = mobile::inverted(repeat, windows[0], stride, expand, out, squeeze);
  if (squeeze > 0) r = with(r, Act::silu);
  return r.mixed = windows, r.split_in = in_parts, r.split_out = out_parts, r;
}

MobileNet small() {
  return {.stages = {{separable(1, 3, 1, 16)},
                     {mixed(1, {3}, 2, 6, 24, 0, 2, 2), mixed(1, {3}, 1, 3, 24, 0, 2, 2)},
                     {mixed(1, {3, 5, 7}, 2, 6, 40, 0.5), mixed(3, {3, 5}, 1, 6, 40, 0.5, 2, 2)},
                     {mixed(1, {3, 5, 7}, 2, 6, 80, 0.25, 1, 2), mixed(2, {3, 5}, 1, 6, 80, 0.25, 1, 2)},
                     {mixed(1, {3, 5, 7}, 1, 6, 120, 0.5, 2, 2), mixed(2, {3, 5, 7, 9}, 1, 3, 120, 0.5, 2, 2)},
                     {mixed(1, {3, 5, 7, 9, 11}, 2, 6, 200, 0.5), mixed(2, {3, 5, 7, 9}, 1, 6, 200, 0.5, 1, 2)}},
          .stem = 16,
          .squeeze = {.of_input = true},
          .features = 1536};
}

MobileNet medium(double width = 1, double depth = 1) {
  return {.stages = {{separable(1, 3, 1, 24)},
                     {mixed(1, {3, 5, 7}, 2, 6, 32, 0, 2, 2), mixed(1, {3}, 1, 3, 32, 0, 2, 2)},
                     {mixed(1, {3, 5, 7, 9}, 2, 6, 40, 0.5), mixed(3, {3, 5}, 1, 6, 40, 0.5, 2, 2)},
                     {mixed(1, {3, 5, 7}, 2, 6, 80, 0.25), mixed(3, {3, 5, 7, 9}, 1, 6, 80, 0.25, 2, 2)},
                     {mixed(1, {3}, 1, 6, 120, 0.5), mixed(3, {3, 5, 7, 9}, 1, 3, 120, 0.5, 2, 2)},
                     {mixed(1, {3, 5, 7, 9}, 2, 6, 200, 0.5), mixed(3, {3, 5, 7, 9}, 1, 6, 200, 0.5, 1, 2)}},
          .width = width,
          .depth = depth,
          .round_depth = true,
          .stem = 24,
          .squeeze = {.of_input = true},
          .features = 1536};
}

MobileNet tf(MobileNet m) { return m.pad = Padding::same, m.eps = 1e-3f, m; }

const Variant<MobileNet> variants[] = {
    {"mixnet_s", small(), imagenet_card()},
    {"mixnet_m", medium(), imagenet_card()},
    {"mixnet_l", medium(1.3), imagenet_card()},
    {"mixnet_xl", medium(1.6, 1.2), imagenet_card()},
    {"mixnet_xxl", medium(2.4, 1.3), imagenet_card()},
    {"tf_mixnet_s", tf(small()), imagenet_card()},
    {"tf_mixnet_m", tf(medium()), imagenet_card()},
    {"tf_mixnet_l", tf(medium(1.3)), imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_mixnet() { return mobile_models("mixnet", variants); }

}  // namespace fovea
