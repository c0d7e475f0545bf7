// ReXNet (arXiv:2007.00992): channels grow block by block, and shortcuts add to the first of them. Names follow timm;
// rexnetr rounds channels.
#include <cmath>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/channel_attention.h"
#include "nn/conv_norm_act.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct RexNet {
  double width = 1;
  int divisor = 1;
};

int rounded(double channels, const RexNet& m) { return round_channels(std::nearbyint(channels), m.divisor); }

struct Block {
  int out, expand, stride;
  bool squeeze;
};
Tensor block(Scope s, Tensor x, const Block& b, const RexNet& m, float drop) {  // [n,h,w,c] -> [n,h/stride,w/stride,out]
  Tensor y = x;
  if (b.expand != 1) y = conv_norm_act(s["conv_exp"], x, rounded(x.c() * b.expand, m), 1, {.act = Act::silu});
  y = conv_norm_act(s["conv_dw"], y, y.c(), 3, {.stride = b.stride, .groups = y.c(), .act = Act::none});
  if (b.squeeze)
    y = squeeze_excite(s["se"], y,
                       {.hidden = round_channels(static_cast<int>(y.c() * (1.0 / 12)), m.divisor), .norm = "bn"});
  y = conv_norm_act(s["conv_pwl"], activation(y, Act::relu6), b.out, 1, {.act = Act::none});
  int c = x.c();
  if (b.stride > 1 || c > b.out) return s.out(y);
  y = drop_path(s, y, drop);
  if (c == b.out) return s.out(y + x);
  Tensor parts[] = {slice(y, 3, 0, c) + x, slice(y, 3, c, b.out - c)};
  return s.out(concat(parts, 3));
}

Tensor rexnet(Scope s, Tensor x, const RexNet& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  constexpr int kDepths[] = {1, 2, 2, 3, 3, 5}, kStrides[] = {1, 2, 2, 2, 1, 2}, kTotal = 16;
  double narrow = m.width < 1 ? m.width : 1;  // narrow networks begin with as many channels
  x = conv_norm_act(s["stem"], x, rounded(32 / narrow * m.width, m), 3, {.stride = 2, .act = Act::silu});
  double channels = 16 / narrow;
  int index = 0;
  for (int stage = 0; stage < 6; stage++)
    for (int i = 0; i < kDepths[stage]; i++, index++) {
      Block b{rounded(channels * m.width, m), stage == 0 ? 1 : 6, i == 0 ? kStrides[stage] : 1, stage > 1};
      x = block(s["features"][index], x, b, m, drop_rate(o.drop_path, index, kTotal));
      channels += 180.0 / kTotal;
    }
  x = conv_norm_act(s["features"][index], x, round_channels(1280 * m.width, m.divisor), 1, {.act = Act::silu});
  return linear(s["head"]["fc"], dropout(s["head"], global_avg_pool(x), o.drop), o.classes);
}

const Variant<RexNet> variants[] = {
    {"rexnet_100", {1}, imagenet_card()},
    {"rexnet_130", {1.3}, imagenet_card()},
    {"rexnet_150", {1.5}, imagenet_card()},
    {"rexnet_200", {2}, imagenet_card()},
    {"rexnet_300", {3}, imagenet_card()},
    {"rexnetr_100", {1, 8}, imagenet_card()},
    {"rexnetr_130", {1.3, 8}, imagenet_card()},
    {"rexnetr_150", {1.5, 8}, imagenet_card()},
    {"rexnetr_200", {2, 8}, imagenet_card(224, 0.95f)},
    {"rexnetr_300", {3, 16}, imagenet_card(224, 0.95f)},
};

}  // namespace

std::vector<Model> models_of_rexnet() { return models_from<RexNet>("rexnet", variants, rexnet); }

}  // namespace fovea
