// The trunk that mobile networks share: a stem, then stages of depthwise-separable blocks given by a table
// (MobileNet V1-V3, and their relatives in timm's EfficientNet family, whose parameter names these are).
#pragma once
#include <vector>

#include "nn/layers.h"

namespace fovea {

enum class MobileBlock : uint8_t {
  separable,  // depthwise, then a linear 1x1
  inverted,   // 1x1 expansion, depthwise, linear 1x1 (arXiv:1801.04381)
  conv        // convolution, normalisation, activation
};

// `repeat` equal blocks, the first with the stride.
struct MobileRow {
  MobileBlock block = MobileBlock::inverted;
  int repeat = 1, window = 3, stride = 1;
  double expand = 1;
  int out = 0;
  bool squeeze = false;  // squeeze and excitation over a quarter of the expanded channels
  Act act = Act::none;   // none: the network's
  bool shortcut = true;
  bool active_end = false;  // an activation where separable and inverted blocks are linear
};
using MobileStage = std::vector<MobileRow>;

struct MobileTrunk {
  std::vector<MobileStage> stages;
  double width = 1, depth = 1;
  int stem = 32;
  bool fixed_stem = false;  // width leaves the stem alone
  bool fixed_ends = false;  // depth leaves the first and the last stage alone
  Act act = Act::relu6;
  Padding pad = Padding::centred;
  float eps = 1e-5f;
  bool squeeze_relu = false;  // squeeze and excitation has a ReLU inside whatever the block's activation is
};

Tensor mobile_trunk(Scope s, Tensor image, const MobileTrunk& m, float drop_path);  // conv_stem, bn1, blocks.0.0, ...
Tensor mobile_classifier(Scope s, Tensor x, int classes, float drop);               // [n,c] -> [n,classes]

}  // namespace fovea
