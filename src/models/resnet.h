// Residual networks as values: what their variants differ in.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "models/registry.h"

namespace fovea {

namespace resnets {

// A network that lost most of its channels after training (arXiv:2002.08258).
struct Pruned {
  std::array<int, 4> out;  // of the blocks of a stage
  const int (*inner)[2];   // of every block: its two inner convolutions
};

// Of the published weights.
inline constexpr int kInner50[][2] = {{47, 18},   {52, 22},   {64, 35},   {85, 37},   {107, 80},  {120, 85},
                                      {125, 87},  {198, 126}, {255, 232}, {256, 233}, {253, 235}, {256, 225},
                                      {256, 239}, {492, 237}, {512, 500}, {512, 490}};
inline constexpr int kInner101[][2] = {{45, 25},   {53, 20},   {60, 27},   {81, 24},   {93, 49},   {102, 54},  {122, 78},
                                       {101, 25},  {239, 160}, {234, 156}, {250, 176}, {253, 191}, {251, 175}, {230, 128},
                                       {244, 154}, {244, 159}, {238, 97},  {244, 149}, {253, 181}, {245, 119}, {255, 216},
                                       {256, 201}, {253, 149}, {254, 141}, {256, 190}, {256, 217}, {255, 156}, {256, 155},
                                       {256, 232}, {256, 214}, {499, 289}, {512, 512}, {512, 502}};
inline constexpr Pruned kPruned50 = {{19, 171, 818, 2022}, kInner50}, kPruned101 = {{26, 142, 278, 2042}, kInner101};

enum class Kind : uint8_t { basic, bottleneck };
enum class Stem : uint8_t { plain, deep, tiered };  // one 7x7 convolution; three 3x3; three of growing width
enum class Gate : uint8_t { none, squeeze, channel };
enum class AntiAlias : uint8_t { none, average, blur };  // what halves a map instead of a strided convolution

struct ResNet {
  std::array<int, 4> depths;
  std::array<Kind, 4> kinds;
  std::array<int, 4> widths = {64, 128, 256, 512};
  Stem stem = Stem::plain;
  int stem_width = 64;
  bool stem_conv_pool = false;      // a strided convolution in place of the stem's max pooling
  bool average_shortcut = false;    // shortcuts halve the map by averaging, not by stride
  int shortcut_window = 1;          // of shortcuts that halve the map
  int groups = 1, base_width = 64;  // of bottlenecks: channels are groups * width * base_width / 64
  int narrow = 1;                   // the first convolution of a block has this fraction of the channels
  Gate gate = Gate::none;
  double squeeze_ratio = 1.0 / 16;
  AntiAlias anti_alias = AntiAlias::none;
  bool group_norm = false;
  const Pruned* pruned = nullptr;
};

// Channels of a block's convolutions.
struct Widths {
  int first, second, out, full;  // full: of `out` before pruning
};
inline Widths block_widths(const ResNet& m, std::size_t stage, int index) {
  int width = m.widths[stage], inner = width * m.base_width / 64 * m.groups;
  if (m.kinds[stage] == Kind::basic) return {width / m.narrow, width, width, width};
  if (!m.pruned) return {inner / m.narrow, inner, 4 * width, 4 * width};
  return {m.pruned->inner[index][0], m.pruned->inner[index][1], m.pruned->out[stage], 4 * width};
}

// A family's own residual branch: x [n,h,w,c] -> [n,h/stride,w/stride,widths.out].
using Branch = std::function<Tensor(Scope, Tensor x, const Widths& widths, int stride)>;
// The network, with `branch` in the place of its kinds of block.
Tensor resnet(Scope s, Tensor x, const ResNet& m, const ModelOptions& o, const Branch& branch = {});
// Its first stages: the map in front of pooling and classifier.
Tensor resnet_map(Scope s, Tensor x, const ResNet& m, float drop_path, const Branch& branch = {}, size_t stages = 4);

// The usual four stages of bottlenecks; and with the stem of three convolutions, its shortcuts halved by averaging.
inline ResNet bottleneck(const std::array<int, 4>& depths) {
  constexpr Kind K = Kind::bottleneck;
  return {.depths = depths, .kinds = {K, K, K, K}};
}
inline ResNet deep(ResNet m, int stem_width = 32) {
  return m.stem = Stem::deep, m.stem_width = stem_width, m.average_shortcut = true, m;
}

}  // namespace resnets

}  // namespace fovea
