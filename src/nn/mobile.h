// The network that mobile families share: a stem, stages of depthwise-separable blocks given by a table, a head
// (MobileNet V1-V4, EfficientNet and their relatives; parameter names are timm's).
#pragma once
#include <array>
#include <vector>

#include "nn/layers.h"

namespace fovea {

enum class MobileBlock : uint8_t {
  separable,  // depthwise, then a linear 1x1
  inverted,   // 1x1 expansion, depthwise, linear 1x1 (arXiv:1801.04381)
  fused,      // a dense expansion with a window, linear 1x1 (arXiv:2104.00298)
  conv,       // convolution, normalisation, activation
  universal,  // inverted with one depthwise convolution more in front, or one less inside (arXiv:2404.10518)
  attention   // queries of every pixel and head on one head of keys and values (arXiv:2404.10518)
};

// `repeat` equal blocks, the first with the stride.
struct MobileRow {
  MobileBlock block = MobileBlock::inverted;
  int repeat = 1, window = 3, stride = 1;
  double expand = 1;
  int out = 0;
  double squeeze = 0;               // squeeze and excitation, its hidden layer as a fraction of the channels; 0: none
  Act act = Act::none;              // none: the network's
  bool shortcut = true;             // where the shape stays
  bool active_end = false;          // an activation where separable and inverted blocks are linear
  Dims mixed = {};                  // windows that share the depthwise convolution's channels (arXiv:1907.09595)
  int split_in = 1, split_out = 1;  // 1 or 2 parts of the 1x1 convolutions' channels before and behind the depthwise one
  int group = 0;      // channels of a group of the convolution with the window; 0: one if depthwise, all if dense
  int narrow_in = 0;  // fused: the channels that expand multiplies, before the network's width; 0: those of the input
  int first = 0;      // universal: window of the depthwise convolution in front, 0: none; `window` may be 0 as well
  int heads = 0, key = 0, key_stride = 1;  // attention
  int experts = 0;                         // kernels of which every picture mixes its own (arXiv:1904.04971)
  bool to_depth = false;  // a 2x2 convolution halves the map first; until the next stride, channels are fourfold
};
using MobileStage = std::vector<MobileRow>;

// Rows as papers print them: blocks, window, stride, expansion, channels, squeeze.
namespace mobile {
MobileRow separable(int repeat, int window, int stride, int out, double squeeze = 0);
MobileRow inverted(int repeat, int window, int stride, double expand, int out, double squeeze = 0);
MobileRow fused(int repeat, int window, int stride, double expand, int out, double squeeze = 0);
MobileRow plain(int repeat, int window, int stride, int out, bool shortcut = false);
MobileRow universal(int repeat, int first, int window, int stride, double expand, int out);
MobileRow with(MobileRow row, Act act);
MobileRow no_shortcut(MobileRow row);
}  // namespace mobile

enum class MobileNorm : uint8_t { batch, group, layer, rms, evolved };
enum class Halving : uint8_t { stride, average, blur };  // what halves a map: the convolution, or an average behind it
// Where the last 1x1 convolution is. two_scales: a block takes the last two scales to `features` (MobileNet V5).
enum class MobileHead : uint8_t { none, before_pool, after_pool, after_pool_norm, two_scales };

// Squeeze and excitation of all blocks.
struct MobileSqueeze {
  bool of_input = false;  // a fraction of the block's channels before their expansion
  int divisor = 1;        // of the hidden channels
  double keep = 0.9;
  Act act = Act::none, gate = Act::sigmoid;  // none: the block's
  bool context = false;                      // global context in its place (arXiv:1904.11492)
};

// What is left of channels after pruning (arXiv:2002.08258).
struct MobilePruned {
  std::vector<int> outs;                   // of stages
  std::vector<std::array<int, 2>> blocks;  // expanded channels and those of the squeeze, of every block
};

struct MobileNet {
  std::vector<MobileStage> stages;
  double width = 1, depth = 1, late_depth = 0;  // late_depth: of the last two stages, if not 0
  bool round_depth = false;                     // to the nearest number of blocks, else up
  int stem = 32, stem_window = 3;
  bool nested_stem = false;  // its convolution, with a bias, and norm are conv_stem.conv and conv_stem.bn
  bool fixed_stem = false;   // width leaves the stem alone
  bool fixed_ends = false;   // depth leaves the first and the last stage alone
  int divisor = 8;
  double keep = 0.9;  // of round_channels
  int group = 1;      // channels of a group of depthwise convolutions
  Act act = Act::relu;
  Padding pad = Padding::centred;
  MobileNorm norm = MobileNorm::batch;
  int norm_group = 8;
  float eps = 1e-5f;
  Halving halving = Halving::stride;
  MobileSqueeze squeeze = {};
  float layer_scale = 0;  // starting value in universal and attention blocks; 0: none
  int experts = 1;        // multiplies those of rows
  const MobilePruned* pruned = nullptr;
  MobileHead head = MobileHead::before_pool;
  int features = 1280;  // of the head
  bool head_bias = true;

  int channels(double of) const { return round_channels(of * width, divisor, keep); }
};

struct MobileRates {
  int classes = 0;
  float drop = 0, drop_path = 0;
};
Tensor mobile_net(Scope s, Tensor image, const MobileNet& m, const MobileRates& r);  // [n,h,w,c] -> [n,classes]

}  // namespace fovea
