// MobileNet V1 (arXiv:1704.04861). Names follow timm; widths 25 and 50 are the paper's. The same network with its
// normalisation folded away, as TensorFlow Lite deploys it, is tf_mobilenetv1_* in tiny.cpp.
#include "models/cards.h"
#include "models/mobile.h"

namespace fovea {

namespace {

MobileRow row(int repeat, int stride, int out) {
  MobileRow r = mobile::separable(repeat, 3, stride, out);
  return r.active_end = true, mobile::no_shortcut(r);
}

MobileNet v1(double width, bool head = false) {
  return {.stages = {{row(1, 1, 64)}, {row(2, 2, 128)}, {row(2, 2, 256)}, {row(6, 2, 512)}, {row(2, 2, 1024)}},
          .width = width,
          .act = Act::relu6,
          .head = head ? MobileHead::before_pool : MobileHead::none,
          .features = 1024};
}

const Variant<MobileNet> variants[] = {
    {"mobilenetv1_025", v1(0.25), half_card()},
    {"mobilenetv1_050", v1(0.5), half_card()},
    {"mobilenetv1_100", v1(1), half_card()},
    {"mobilenetv1_100h", v1(1, true), half_card()},
    {"mobilenetv1_125", v1(1.25), half_card(224, 0.9f)},
};

}  // namespace

std::vector<Model> models_of_mobilenetv1() { return mobile_models("mobilenetv1", variants); }

}  // namespace fovea
