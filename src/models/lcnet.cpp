// PP-LCNet (arXiv:2109.15099): MobileNet V1's blocks with what V3 found out. Names follow timm.
#include "models/cards.h"
#include "models/mobile.h"

namespace fovea {

namespace {

MobileRow row(int repeat, int window, int stride, int out, double squeeze = 0) {
  MobileRow r = mobile::separable(repeat, window, stride, out, squeeze);
  return r.active_end = true, mobile::no_shortcut(r);
}

MobileNet lcnet(double width) {
  return {.stages = {{row(1, 3, 1, 32)},
                     {row(2, 3, 2, 64)},
                     {row(2, 3, 2, 128)},
                     {row(1, 3, 2, 256), row(1, 5, 1, 256)},
                     {row(4, 5, 1, 256)},
                     {row(2, 5, 2, 512, 0.25)}},
          .width = width,
          .stem = 16,
          .act = Act::hard_swish,
          .squeeze = {.act = Act::relu, .gate = Act::hard_sigmoid},
          .head = MobileHead::after_pool};
}

const Variant<MobileNet> variants[] = {
    {"lcnet_035", lcnet(0.35), imagenet_card(224, 0.875f, "bilinear")},
    {"lcnet_050", lcnet(0.5), imagenet_card()},
    {"lcnet_075", lcnet(0.75), imagenet_card()},
    {"lcnet_100", lcnet(1), imagenet_card()},
    {"lcnet_150", lcnet(1.5), imagenet_card(224, 0.875f, "bilinear")},
};

}  // namespace

std::vector<Model> models_of_lcnet() { return mobile_models("lcnet", variants); }

}  // namespace fovea
