// MnasNet (arXiv:1807.11626), found by search; with squeeze and excitation it is semnasnet. Single-Path NAS
// (arXiv:1904.02877). Names follow timm.
#include "models/cards.h"
#include "models/mobile.h"

namespace fovea {

namespace {

using namespace mobile;

MobileNet b1(double width) {
  return {.stages = {{no_shortcut(separable(1, 3, 1, 16))},
                     {inverted(3, 3, 2, 3, 24)},
                     {inverted(3, 5, 2, 3, 40)},
                     {inverted(3, 5, 2, 6, 80)},
                     {inverted(2, 3, 1, 6, 96)},
                     {inverted(4, 5, 2, 6, 192)},
                     {no_shortcut(inverted(1, 3, 1, 6, 320))}},
          .width = width};
}

MobileNet a1(double width) {
  return {.stages = {{no_shortcut(separable(1, 3, 1, 16))},
                     {inverted(2, 3, 2, 6, 24)},
                     {inverted(3, 5, 2, 3, 40, 0.25)},
                     {inverted(4, 3, 2, 6, 80)},
                     {inverted(2, 3, 1, 6, 112, 0.25)},
                     {inverted(3, 5, 2, 6, 160, 0.25)},
                     {inverted(1, 3, 1, 6, 320)}},
          .width = width,
          .squeeze = {.of_input = true}};
}

MobileNet small() {
  return {.stages = {{separable(1, 3, 1, 8)},
                     {inverted(1, 3, 2, 3, 16)},
                     {inverted(2, 3, 2, 6, 16)},
                     {inverted(4, 5, 2, 6, 32, 0.25)},
                     {inverted(3, 3, 1, 6, 32, 0.25)},
                     {inverted(3, 5, 2, 6, 88, 0.25)},
                     {inverted(1, 3, 1, 6, 144)}},
          .stem = 8,
          .squeeze = {.of_input = true}};
}

MobileNet single_path() {
  return {.stages = {{no_shortcut(separable(1, 3, 1, 16))},
                     {inverted(3, 3, 2, 3, 24)},
                     {inverted(1, 5, 2, 6, 40), inverted(3, 3, 1, 3, 40)},
                     {inverted(1, 5, 2, 6, 80), inverted(3, 3, 1, 3, 80)},
                     {inverted(1, 5, 1, 6, 96), inverted(3, 5, 1, 3, 96)},
                     {inverted(4, 5, 2, 6, 192)},
                     {no_shortcut(inverted(1, 3, 1, 6, 320))}}};
}

const Variant<MobileNet> variants[] = {
    {"mnasnet_050", b1(0.5), imagenet_card()},   {"mnasnet_075", b1(0.75), imagenet_card()},
    {"mnasnet_100", b1(1), imagenet_card()},     {"mnasnet_140", b1(1.4), imagenet_card()},
    {"semnasnet_050", a1(0.5), imagenet_card()}, {"semnasnet_075", a1(0.75), imagenet_card()},
    {"semnasnet_100", a1(1), imagenet_card()},   {"semnasnet_140", a1(1.4), imagenet_card()},
    {"mnasnet_small", small(), imagenet_card()}, {"spnasnet_100", single_path(), imagenet_card(224, 0.875f, "bilinear")},
};

}  // namespace

std::vector<Model> models_of_mnasnet() { return mobile_models("mnasnet", variants); }

}  // namespace fovea
