// MobileNet V1 (arXiv:1704.04861). Names follow timm; widths 25 and 50 are the paper's. The same network with its
// normalisation folded away, as TensorFlow Lite deploys it, is tf_mobilenetv1_* in tiny.cpp.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/mobile.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct MobileNetV1 {
  double width = 1;
  bool head = false;  // a 1x1 convolution before pooling
};

MobileRow separable(int repeat, int stride, int out) {
  return {.block = MobileBlock::separable,
          .repeat = repeat,
          .stride = stride,
          .out = out,
          .shortcut = false,
          .active_end = true};
}

Tensor mobilenetv1(Scope s, Tensor x, const MobileNetV1& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  static const std::vector<MobileStage> stages = {{separable(1, 1, 64)},
                                                  {separable(2, 2, 128)},
                                                  {separable(2, 2, 256)},
                                                  {separable(6, 2, 512)},
                                                  {separable(2, 2, 1024)}};
  x = mobile_trunk(s, x, {.stages = stages, .width = m.width}, o.drop_path);  // [n,h/32,w/32,1024*width]
  if (m.head)
    x = activation(batch_norm(s["bn2"], conv(s["conv_head"], x, 1024, 1, {.init = group_fan_out_normal})), Act::relu6);
  return mobile_classifier(s["classifier"], global_avg_pool(x), o.classes, o.drop);
}

const Variant<MobileNetV1> variants[] = {
    {"mobilenetv1_025", {0.25}, half_card()},          {"mobilenetv1_050", {0.5}, half_card()},
    {"mobilenetv1_100", {1.0}, half_card()},           {"mobilenetv1_100h", {1.0, true}, half_card()},
    {"mobilenetv1_125", {1.25}, half_card(224, 0.9f)},
};

}  // namespace

std::vector<Model> models_of_mobilenetv1() { return models_from<MobileNetV1>("mobilenetv1", variants, mobilenetv1); }

}  // namespace fovea
