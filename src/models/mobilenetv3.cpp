// MobileNet V3 (arXiv:1905.02244). Names follow timm; tf_ variants pad as TensorFlow does, minimal ones use neither
// squeeze and excitation, hard-swish nor 5x5 windows.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/mobile.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

enum class Size : uint8_t { small, large };
struct MobileNetV3 {
  Size size = Size::large;
  double width = 1, depth = 1;
  bool minimal = false, tensorflow = false;
  bool rw = false;  // an early reading of the paper: no shortcut in the first block, no bias in the head
};

using Stages = std::vector<MobileStage>;
MobileStage last(int out) { return {{.block = MobileBlock::conv, .window = 1, .out = out}}; }

Stages small_stages() {
  return {{{.block = MobileBlock::separable, .stride = 2, .out = 16, .squeeze = true, .act = Act::relu}},
          {{.stride = 2, .expand = 4.5, .out = 24, .act = Act::relu}, {.expand = 3.67, .out = 24, .act = Act::relu}},
          {{.window = 5, .stride = 2, .expand = 4, .out = 40, .squeeze = true},
           {.repeat = 2, .window = 5, .expand = 6, .out = 40, .squeeze = true}},
          {{.repeat = 2, .window = 5, .expand = 3, .out = 48, .squeeze = true}},
          {{.repeat = 3, .window = 5, .stride = 2, .expand = 6, .out = 96, .squeeze = true}},
          last(576)};
}

Stages large_stages() {
  return {{{.block = MobileBlock::separable, .out = 16, .act = Act::relu}},
          {{.stride = 2, .expand = 4, .out = 24, .act = Act::relu}, {.expand = 3, .out = 24, .act = Act::relu}},
          {{.repeat = 3, .window = 5, .stride = 2, .expand = 3, .out = 40, .squeeze = true, .act = Act::relu}},
          {{.stride = 2, .expand = 6, .out = 80}, {.expand = 2.5, .out = 80}, {.repeat = 2, .expand = 2.3, .out = 80}},
          {{.repeat = 2, .expand = 6, .out = 112, .squeeze = true}},
          {{.repeat = 3, .window = 5, .stride = 2, .expand = 6, .out = 160, .squeeze = true}},
          last(960)};
}

void make_minimal(Stages& stages) {
  for (MobileStage& stage : stages)
    for (MobileRow& row : stage) row.window = row.window == 5 ? 3 : row.window, row.squeeze = false, row.act = Act::none;
}

MobileTrunk trunk(const MobileNetV3& m) {
  MobileTrunk t{.stages = m.size == Size::small ? small_stages() : large_stages(),
                .width = m.width,
                .depth = m.depth,
                .stem = 16,
                .fixed_stem = m.width < 0.75,
                .act = m.minimal ? Act::relu : Act::hard_swish,
                .pad = m.tensorflow ? Padding::same : Padding::centred,
                .eps = m.tensorflow || m.rw ? 1e-3f : 1e-5f,
                .squeeze_relu = !m.rw};
  if (m.minimal) make_minimal(t.stages);
  if (m.rw) t.stages[0][0].shortcut = false;
  return t;
}

Tensor mobilenetv3(Scope s, Tensor x, const MobileNetV3& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = mobile_trunk(s, x, trunk(m), o.drop_path);
  x = reduce_mean(x, {1, 2});  // [n,1,1,c]: the head's convolution comes after pooling
  int head = m.size == Size::small ? 1024 : 1280;
  x = conv(s["conv_head"], x, head, 1, {.bias = !m.rw, .init = group_fan_out_normal});
  x = activation(x, m.minimal ? Act::relu : Act::hard_swish);
  return mobile_classifier(s["classifier"], reshape(x, {x.n(), head}), o.classes, o.drop);
}

Card tf() { return half_card(224, 0.875f, "bilinear"); }

const Variant<MobileNetV3> variants[] = {
    {"mobilenetv3_large_075", {.width = 0.75}, imagenet_card(224, 0.875f, "bilinear")},
    {"mobilenetv3_large_100", {}, imagenet_card()},
    {"mobilenetv3_large_150d", {.width = 1.5, .depth = 1.2}, half_card(256, 0.95f, "bilinear")},
    {"mobilenetv3_small_050", {.size = Size::small, .width = 0.5}, imagenet_card()},
    {"mobilenetv3_small_075", {.size = Size::small, .width = 0.75}, imagenet_card()},
    {"mobilenetv3_small_100", {.size = Size::small}, imagenet_card()},
    {"mobilenetv3_rw", {.rw = true}, imagenet_card()},
    {"tf_mobilenetv3_large_075", {.width = 0.75, .tensorflow = true}, tf()},
    {"tf_mobilenetv3_large_100", {.tensorflow = true}, tf()},
    {"tf_mobilenetv3_large_minimal_100", {.minimal = true, .tensorflow = true}, tf()},
    {"tf_mobilenetv3_small_075", {.size = Size::small, .width = 0.75, .tensorflow = true}, tf()},
    {"tf_mobilenetv3_small_100", {.size = Size::small, .tensorflow = true}, tf()},
    {"tf_mobilenetv3_small_minimal_100", {.size = Size::small, .minimal = true, .tensorflow = true}, tf()},
};

}  // namespace

std::vector<Model> models_of_mobilenetv3() { return models_from<MobileNetV3>("mobilenetv3", variants, mobilenetv3); }

}  // namespace fovea
