// CoAtNet (arXiv:2106.04803) and MaxViT (arXiv:2204.01697) as values: what their variants, timm's own among them, differ in.
#pragma once
#include <array>
#include <cstdint>

#include "models/registry.h"
#include "nn/layers.h"

namespace fovea::maxxvits {

enum class Blocks : uint8_t {
  conv_attention,  // two stages of convolutions, two of attention over the whole map
  late_attention,  // the same, but the later stages begin with a convolution
  axes,            // convolution, attention within windows, attention within grids
  parallel_axes    // two convolutions, then both kinds of attention side by side
};
enum class Places : uint8_t { table, table_tf, network };  // where position biases come from

// Inverted residuals, or ConvNeXt's blocks.
struct Conv {
  bool next = false;
  bool of_output = true;     // the expansion multiplies the output's channels
  bool active_norm = false;  // an activation behind the first norm
  bool bias = true;          // of the last layer and the shortcut
  bool pooled = false;       // the map is halved by averaging first, not by the depthwise convolution
  bool early_squeeze = false;
  Act squeeze_act = Act::silu;
  double squeeze = 0.25;
  Act act = Act::gelu;
  float scale = 0;  // layer scale's starting value; 0: none
  float eps = 1e-5f;
  Padding pad = Padding::centred;
};

struct Attention {
  bool by_head = true;       // queries, keys and values of a head lie together
  bool expand_first = true;  // where channels double: before attention, not behind it
  bool shortcut_bias = true;
  bool windows = true;  // axes: windows too, not only grids
  bool batch_norm = false;
  Places places = Places::table;
  int hidden = 512;  // of their network
  float scale = 0;
  Act act = Act::gelu;
  float eps = 1e-6f;
};

struct MaxxViT {
  int dim;  // of the first stage, twice as many in each that follows
  std::array<int, 4> depths;
  std::array<int, 2> stem;
  Conv conv;
  Attention attention;
  Blocks blocks = Blocks::axes;
  int features = 0;       // of a hidden layer of the classifier; 0: none
  bool max_pool = false;  // shortcuts and attention halve the map by maxima
  bool stem_bias = false;
  int third = 0;  // channels of the third stage if they are not four times the first's
};

Tensor maxxvit(Scope s, Tensor image, const MaxxViT& m, const ModelOptions& o);  // [n,h,w,c] -> [n,classes]

}  // namespace fovea::maxxvits
