// CPUBone: convolutions in two groups and 2x2 windows, for processors without wide parallelism, and
// attention between pixels in the last two stages. Names follow timm.
#include <algorithm>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/attention_forms.h"
#include "nn/layers.h"
#include "nn/resize.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

enum class Norms : uint8_t { last, last_two, all };  // of the three convolutions of the widest blocks

struct CPUBone {
  std::array<int, 5> widths, depths;  // of the stem and four stages
  Norms norms = Norms::last;
  int stem_ratio = 2, halving_ratio = 4;  // of inner channels, where other blocks have 4
  std::array<int, 2> hidden = {1536, 1600};
};

constexpr Act kAct = Act::hard_swish;

struct Layer {
  int window = 1, stride = 1, groups = 1;
  bool bias = false, norm = true;
  Act act = kAct;
};
// A 2x2 window without stride looks up and to the left.
Tensor layer(Scope s, Tensor x, int out, const Layer& l) {
  Scope at = s["conv"];
  bool shifted = l.window == 2 && l.stride == 1;
  if (shifted) x = pad(x, {0, 1, 1, 0}, {0, 0, 0, 0}), at = at[1];
  Padding pad = l.window == 2 ? Padding::none : Padding::centred;
  x = conv(at, x, out, l.window, {.stride = l.stride, .pad = pad, .groups = l.groups, .bias = l.bias});
  return activation(l.norm ? batch_norm(s["norm"], x) : x, l.act);
}

// [n,h,w,c] -> [n,h/stride,w/stride,out]
Tensor fused_block(Scope s, Tensor x, int out, int ratio, const Layer& first) {
  return layer(s["point_conv"], layer(s["spatial_conv"], x, ratio * x.c(), first), out, {.act = Act::none});
}
Tensor wide_block(Scope s, Tensor x, int inner, Norms norms) {
  bool one = norms == Norms::all, two = norms != Norms::last;
  int out = x.c();
  x = layer(s["inverted_conv"], x, inner, {.groups = 2, .bias = !one, .norm = one});
  x = layer(s["depth_conv"], x, inner, {.window = 2, .groups = inner, .bias = !two, .norm = two});
  return layer(s["point_conv"], x, out, {.act = Act::none});
}

// Between pixels, or for stride 2 between 2x2 of them.
Tensor attend(Scope s, Tensor x, int stride) {
  int h = x.h(), w = x.w(), c = x.c(), heads = std::max(1, c / 60), width = c / heads / 2;
  if (stride == 2) x = pad(x, {0, 0, 0, 0}, {0, h % 2, w % 2, 0});
  x = layer(s["conv_proj"], x, c, {.window = 2, .stride = stride, .groups = c, .act = Act::none});
  Shape map = x.shape();
  Tensor qkv = reshape(conv(s["pwise"], x, 3 * heads * width, 1), {x.n(), x.h() * x.w(), 3 * heads * width});
  x = reshape(attend_by_head(qkv, heads, width, {}), {map[0], map[1], map[2], heads * width});
  x = conv(s["upsampling"][0], x, c, 1, {.bias = true});
  if (stride == 1) return x;
  return slice(slice(resize_nearest(x, 2 * x.h(), 2 * x.w()), 1, 0, h), 2, 0, w);
}

Tensor block(Scope s, Tensor x, int stride, const CPUBone& m, float drop) {  // [n,h,w,c] -> same
  Scope look = s["total"][0][0], mlp = s["total"][0][1], local = s["total"][1];
  int c = x.c();
  x = x + drop_path(look, attend(look["main"][1], group_norm(look["main"][0], x, 1), stride), drop);
  Tensor y = gelu(conv(mlp["main"][1], group_norm(mlp["main"][0], x, 1), 4 * c, 1, {.bias = true}));
  y = dropout(mlp, conv(mlp["main"][3], y, c, 1, {.bias = true}), 0.1f);
  x = x + drop_path(mlp, y, drop);
  y = c < 256 ? fused_block(local["main"], x, c, 4, {.window = 2, .groups = 2, .bias = true})
              : wide_block(local["main"], x, 4 * c, m.norms);
  return s.out(x + drop_path(local, y, drop));
}

Tensor cpubone(Scope s, Tensor x, const CPUBone& m, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  DropRamp drop(o.drop_path, m.depths);
  auto residual = [&](Scope at, Tensor t, int ratio) {
    Tensor y = fused_block(at["main"], t, t.c(), ratio, {.window = 3, .groups = 2});
    return at.out(t + drop_path(at, y, drop.next()));
  };
  x = layer(s["stem"][0], x, m.widths[0], {.window = 3, .stride = 2});
  for (int i = 0; i < m.depths[0]; i++) x = residual(s["stem"][i + 1], x, m.stem_ratio);
  for (size_t stage = 1; stage < 5; stage++) {
    Scope at = s["stages"][static_cast<int>(stage) - 1];
    x = at[0].out(fused_block(at[0]["main"], x, m.widths[stage], m.halving_ratio, {.window = 3, .stride = 2, .groups = 2}));
    if (stage < 3) {
      drop.next();  // the first block halves, and is never dropped
      for (int i = 1; i < m.depths[stage]; i++) x = residual(at[i], x, 4);
    } else {
      for (int i = 0; i < m.depths[stage]; i++) x = block(at[i + 1], x, stage == 3 ? 2 : 1, m, drop.next());
    }
  }
  Scope head = s["head"];
  x = global_avg_pool(layer(head["in_conv"], x, m.hidden[0], {}));
  x = linear(head["pre_classifier"]["linear"], x, m.hidden[1], {.bias = false});
  x = activation(layer_norm(head["pre_classifier"]["norm"], x, 1e-5f), kAct);
  return linear(head["classifier"]["linear"], dropout(head, x, o.drop), o.classes);
}

constexpr std::array<int, 5> k12 = {12, 24, 48, 96, 192}, k16 = {16, 32, 64, 128, 256};
constexpr std::array<int, 2> kWide = {2304, 2560};
constexpr Norms kAll = Norms::all, kTwo = Norms::last_two;
Card card(int size = 224) { return imagenet_card(size, 0.95f); }

const Variant<CPUBone> variants[] = {
    {"cpubone_nano", {k12, {0, 1, 1, 1, 2}}, card()},
    {"cpubone_t0", {k12, {0, 1, 1, 2, 3}}, card()},
    {"cpubone_s0", {{14, 28, 56, 112, 224}, {0, 1, 1, 2, 3}}, card()},
    {"cpubone_b0_bfrobust", {k16, {0, 1, 1, 3, 4}, kAll}, card()},
    {"cpubone_b1_bfrobust", {k16, {0, 1, 1, 5, 5}, kAll, 2, 6}, card()},
    {"cpubone_b1_dwnorm", {k16, {0, 1, 1, 5, 5}, kTwo, 2, 6}, card(256)},
    {"cpubone_b2_bfrobust", {{20, 40, 80, 160, 320}, {0, 1, 1, 6, 6}, kAll, 2, 6, kWide}, card()},
    {"cpubone_b2pt5_dwnorm", {{24, 48, 96, 192, 384}, {0, 1, 1, 6, 6}, kTwo, 2, 6, kWide}, card(256)},
    {"cpubone_b3", {{32, 64, 128, 256, 512}, {1, 2, 3, 6, 6}, Norms::last, 4, 6}, card()},
};

}  // namespace

std::vector<Model> models_of_cpubone() { return models_from<CPUBone>("cpubone", variants, cpubone); }

}  // namespace fovea
