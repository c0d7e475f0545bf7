// GhostNet (arXiv:1911.11907): half of a layer's channels come from a cheap depthwise convolution of the other half. V2
// (arXiv:2211.12905) gates them by attention along rows and columns, V3 (arXiv:2404.11202) trains branches that run as one
// convolution, RepGhost (arXiv:2211.06088) adds where the others concatenate. Names follow timm.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/channel_attention.h"
#include "nn/conv_norm_act.h"
#include "nn/resize.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct GhostNet {
  double width = 1;
  int version = 1;  // 0: RepGhost
};

// Convolution and norm as neighbours in a sequence: their names are numbers.
struct Pick {
  const char *conv, *norm;
};
constexpr Pick k01 = {"0", "1"}, k23 = {"2", "3"}, k45 = {"4", "5"};
Tensor numbered(Scope s, const Pick& at, Tensor x, int out, Pair window, int stride, int groups, Act act = Act::none) {
  return conv_norm_act(s, x, out, window,
                       {.stride = stride, .groups = groups, .act = act, .conv = at.conv, .norm = at.norm});
}
// V3: the sum of three convolutions.
Tensor branches(Scope s, Tensor x, int out, int window, int stride, int groups) {
  ConvNormAct o{.stride = stride, .groups = groups, .act = Act::none, .norm = "bn1"};
  return conv_norm_act(s[0], x, out, window, o) + conv_norm_act(s[1], x, out, window, o) +
         conv_norm_act(s[2], x, out, window, o);
}
// The branch whose window is one pixel.
Tensor pixel_branch(Scope s, Tensor x, int stride) {
  return conv_norm_act(s, x, x.c(), 1, {.stride = stride, .groups = x.c(), .act = Act::none, .norm = "bn1"});
}

// Along rows, then columns, at half the size.
Tensor gate(Scope s, Tensor x, int out) {
  Tensor y = numbered(s, k01, avg_pool(x, 2, 2), out, 1, 1, 1);
  y = numbered(s, k23, y, out, {1, 5}, 1, out);
  return resize_nearest(sigmoid(numbered(s, k45, y, out, {5, 1}, 1, out)), x.h(), x.w());
}

Tensor rep_ghost(Scope s, Tensor x, int out, Act act) {
  x = numbered(s["primary_conv"], k01, x, out, 1, 1, 1, act);
  return activation(numbered(s["cheap_operation"], k01, x, out, 3, 1, out) + batch_norm(s["fusion_bn"][0], x), act);
}

Tensor ghost(Scope s, Tensor x, int out, Act act, int version, bool gated) {  // [n,h,w,c] -> [n,h,w,out]
  if (version == 0) return rep_ghost(s, x, out, act);
  int half = (out + 1) / 2;
  Tensor parts[2];
  if (version < 3) {
    parts[0] = numbered(s["primary_conv"], k01, x, half, 1, 1, 1, act);
    parts[1] = numbered(s["cheap_operation"], k01, parts[0], half, 3, 1, half, act);
  } else {
    parts[0] = activation(branches(s["primary_rpr_conv"], x, half, 1, 1, 1), act);
    Tensor y = pixel_branch(s["cheap_rpr_scale"], parts[0], 1) + batch_norm(s["cheap_rpr_skip"], parts[0]);
    parts[1] = activation(y + branches(s["cheap_rpr_conv"], parts[0], half, 3, 1, half), act);
  }
  Tensor y = slice(concat(parts, 3), 3, 0, out);
  return gated ? y * gate(s["short_conv"], x, out) : y;
}

struct Block {
  int window, inner, out;
  double squeeze;
  int stride;
};
Tensor block(Scope s, Tensor x, const Block& b, const GhostNet& m, bool gated) {  // [n,h,w,c] -> [n,h/stride,w/stride,out]
  int inner = round_channels(b.inner * m.width, 4), out = round_channels(b.out * m.width, 4), c = x.c();
  Tensor y = ghost(s["ghost1"], x, inner, Act::relu, m.version, gated);
  if (b.stride > 1 && m.version < 3)
    y = conv_norm_act(s, y, inner, b.window,
                      {.stride = b.stride, .groups = inner, .act = Act::none, .conv = "conv_dw", .norm = "bn_dw"});
  else if (b.stride > 1)
    y = pixel_branch(s["dw_rpr_scale"], y, b.stride) + branches(s["dw_rpr_conv"], y, inner, b.window, b.stride, inner);
  if (b.squeeze > 0)
    y = squeeze_excite(s["se"], y,
                       {.hidden = round_channels(inner * b.squeeze, 4),
                        .gate = Act::hard_sigmoid,
                        .reduce = "conv_reduce",
                        .expand = "conv_expand"});
  y = ghost(s["ghost2"], y, out, Act::none, m.version, false);
  if (b.stride == 1 && c == out) return s.out(x + y);
  x = numbered(s["shortcut"], k01, x, c, b.window, b.stride, c);
  return s.out(y + numbered(s["shortcut"], k23, x, out, 1, 1, 1));
}

using Stages = std::vector<std::vector<Block>>;
const Stages kStages = {
    {{3, 16, 16, 0, 1}},
    {{3, 48, 24, 0, 2}},
    {{3, 72, 24, 0, 1}},
    {{5, 72, 40, 0.25, 2}},
    {{5, 120, 40, 0.25, 1}},
    {{3, 240, 80, 0, 2}},
    {{3, 200, 80, 0, 1}, {3, 184, 80, 0, 1}, {3, 184, 80, 0, 1}, {3, 480, 112, 0.25, 1}, {3, 672, 112, 0.25, 1}},
    {{5, 672, 160, 0.25, 2}},
    {{5, 960, 160, 0, 1}, {5, 960, 160, 0.25, 1}, {5, 960, 160, 0, 1}, {5, 960, 160, 0.25, 1}}};
const Stages kRepStages = {
    {{3, 8, 16, 0, 1}},
    {{3, 24, 24, 0, 2}},
    {{3, 36, 24, 0, 1}},
    {{5, 36, 40, 0.25, 2}},
    {{5, 60, 40, 0.25, 1}},
    {{3, 120, 80, 0, 2}},
    {{3, 100, 80, 0, 1}, {3, 120, 80, 0, 1}, {3, 120, 80, 0, 1}, {3, 240, 112, 0.25, 1}, {3, 336, 112, 0.25, 1}},
    {{5, 336, 160, 0.25, 2}},
    {{5, 480, 160, 0, 1}, {5, 480, 160, 0.25, 1}, {5, 480, 160, 0, 1}, {5, 480, 160, 0.25, 1}}};

Tensor ghostnet(Scope s, Tensor x, const GhostNet& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  Scope stem = s["conv_stem"];
  x = stem.feature(conv(stem, x, round_channels(16 * m.width, 4), 3, {.stride = 2, .init = fan_out_normal}));
  x = relu(batch_norm(s["bn1"], x));
  int index = 0, stage = 0;
  for (const std::vector<Block>& blocks : m.version ? kStages : kRepStages) {
    Scope at = s["blocks"][stage++];
    for (int i = 0; i < static_cast<int>(blocks.size()); i++, index++)
      x = block(at[i], x, blocks[static_cast<size_t>(i)], m, m.version > 1 && index > 1);
    if (blocks[0].stride == 2) at.feature(x);
  }
  x = conv_norm_act(s["blocks"][stage][0], x, round_channels(960 * m.width, 4), 1, {.norm = "bn1"});
  x = relu(conv(s["conv_head"], reduce_mean(x, {1, 2}), 1280, 1, {.bias = true}));
  return linear(s["classifier"], dropout(s["classifier"], reshape(x, {x.n(), 1280}), o.drop), o.classes);
}

const Variant<GhostNet> variants[] = {
    {"ghostnet_050", {0.5}, imagenet_card()},        {"ghostnet_100", {1}, imagenet_card()},
    {"ghostnet_130", {1.3}, imagenet_card()},        {"ghostnetv2_100", {1, 2}, imagenet_card()},
    {"ghostnetv2_130", {1.3, 2}, imagenet_card()},   {"ghostnetv2_160", {1.6, 2}, imagenet_card()},
    {"ghostnetv3_050", {0.5, 3}, imagenet_card()},   {"ghostnetv3_100", {1, 3}, imagenet_card()},
    {"ghostnetv3_130", {1.3, 3}, imagenet_card()},   {"ghostnetv3_160", {1.6, 3}, imagenet_card()},
    {"repghostnet_050", {0.5, 0}, imagenet_card()},  {"repghostnet_058", {0.58, 0}, imagenet_card()},
    {"repghostnet_080", {0.8, 0}, imagenet_card()},  {"repghostnet_100", {1, 0}, imagenet_card()},
    {"repghostnet_111", {1.11, 0}, imagenet_card()}, {"repghostnet_130", {1.3, 0}, imagenet_card()},
    {"repghostnet_150", {1.5, 0}, imagenet_card()},  {"repghostnet_200", {2, 0}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_ghostnet() { return models_from<GhostNet>("ghostnet", variants, ghostnet); }

}  // namespace fovea
