// MobileNet V5, the vision encoder of Gemma 3n: V4's blocks with RMS norm, its last two scales joined. Names follow timm,
// which defined the classifier.
#include "models/cards.h"
#include "models/mobile.h"

namespace fovea {

namespace {

using namespace mobile;

// Attention and a narrow block, several times.
void add_pairs(MobileStage& stage, int pairs, int heads, int key, int key_stride, int out) {
  MobileRow attention{.block = MobileBlock::attention, .out = out, .heads = heads, .key = key, .key_stride = key_stride};
  for (int i = 0; i < pairs; i++) stage.insert(stage.end(), {attention, universal(1, 0, 0, 1, 2, out)});
}

struct Late {
  int out, heads, key, key_stride, pairs;
};
MobileNet v5(int wide_blocks, const Late& third, const Late& fourth) {
  MobileNet m{.stages = {{fused(1, 3, 2, 4, 128), fused(2, 3, 1, 4, 128)},
                         {universal(1, 3, 5, 2, 6, 256), universal(1, 5, 0, 1, 4, 256), universal(1, 3, 0, 1, 4, 256),
                          universal(1, 5, 0, 1, 4, 256), universal(1, 3, 0, 1, 4, 256)},
                         {universal(1, 5, 5, 2, 6, third.out), universal(wide_blocks, 5, 0, 1, 4, third.out),
                          universal(1, 0, 0, 1, 1, third.out)},
                         {universal(1, 5, 5, 2, 6, fourth.out)}},
              .stem = 64,
              .nested_stem = true,
              .act = Act::gelu_tanh,
              .norm = MobileNorm::rms,
              .eps = 1e-6f,
              .layer_scale = 1e-5f,
              .head = MobileHead::two_scales,
              .features = 2048};
  add_pairs(m.stages[2], third.pairs, third.heads, third.key, third.key_stride, third.out);
  add_pairs(m.stages[3], fourth.pairs, fourth.heads, fourth.key, fourth.key_stride, fourth.out);
  return m;
}

const Variant<MobileNet> variants[] = {
    {"mobilenetv5_300m", v5(7, {640, 12, 64, 2, 14}, {1280, 16, 96, 1, 19}), unit_card(768, 1, "bicubic")},
    {"mobilenetv5_base", v5(2, {512, 8, 64, 1, 6}, {1024, 16, 64, 1, 7}), half_card(256, 1)},
};

}  // namespace

std::vector<Model> models_of_mobilenetv5() { return mobile_models("mobilenetv5", variants); }

}  // namespace fovea
