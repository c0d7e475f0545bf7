// Convolutional networks given by a table of blocks: a stem, stages of residual blocks, a head (timm's ByobNet, whose
// parameter names these are).
#pragma once
#include <vector>

#include "nn/map_attention.h"

namespace fovea {

enum class BlockKind : uint8_t {
  basic,       // window, window
  bottleneck,  // 1x1, window, 1x1
  dark,        // 1x1, window
  edge,        // window, 1x1
  attend,      // 1x1, attention between pixels, 1x1
  rep,         // window beside 1x1 beside nothing (RepVGG, arXiv:2101.03697)
  one          // several windows beside 1x1 beside nothing (MobileOne, arXiv:2206.04040)
};
enum class BlockAttention : uint8_t { none, squeeze, channel, context, bilinear };

// `repeat` equal blocks, the first with the stride.
struct BlockRow {
  BlockKind kind = BlockKind::bottleneck;
  int repeat = 1, out = 0, stride = 2;
  int group = 0;     // channels of a group of the convolution with the window; 0: all
  double ratio = 1;  // of inner channels to out
  int window = 3;
  int branches = 1;      // one: convolutions side by side
  bool extra = false;    // bottleneck: the window twice
  bool squeeze = false;  // where the network has no attention
  MapAttention look = {};
};

enum class StemPool : uint8_t { none, max, average };
struct BlockStem {
  std::vector<int> channels = {32};  // of 3x3 convolutions; the first halves the map, without pool the last one too
  StemPool pool = StemPool::none;
  int window = 3;      // of a stem that is one convolution
  int bare = 0;        // so many convolutions have neither norm nor activation
  bool block = false;  // a rep or one block, as the stages have
};

enum class BlockShortcut : uint8_t { conv, average, none };  // where the shape changes
enum class BlockHead : uint8_t { linear, mlp, attention };

struct BlockNet {
  std::vector<std::vector<BlockRow>> stages;
  BlockStem stem = {};
  double width = 1;
  int features = 0;  // of a 1x1 convolution behind the stages; 0: none
  Act act = Act::relu;
  BlockShortcut shortcut = BlockShortcut::conv;
  BlockAttention attention = BlockAttention::none;
  double squeeze = 1.0 / 16;
  int squeeze_divisor = 8;
  bool ratio_of_input = false;  // inner channels are a multiple of the block's input
  bool linear_end = false;      // no activation behind the shortcut
  bool average = false;         // maps are halved by averaging
  bool evolved = false;         // EvoNorm-S0 over 16 channels in place of batch_norm and activation
  BlockHead head = BlockHead::linear;
  int hidden = 0;  // of the MLP head
};

struct BlockRates {
  int classes = 0;
  float drop = 0, drop_path = 0;
};
Tensor block_net(Scope s, Tensor image, const BlockNet& m, const BlockRates& r);  // [n,h,w,c] -> [n,classes]

}  // namespace fovea
