// PP-HGNet and PP-HGNetV2 of PaddleClas: blocks that concatenate all of their layers. Names follow timm.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/conv_norm_act.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct Stage {
  int inner, out, blocks = 1;
};
struct HGNet {
  std::vector<int> stem;  // three convolutions, or for V2 the inner and outer channels of a branched stem
  std::array<Stage, 4> stages;
  int layers;           // of a block
  bool second = false;  // V2: light layers in the last two stages, no attention
  bool affine = false;  // a learned scale and shift, one number each, behind every activation
};

Tensor affine(Scope s, Tensor x) { return x * s.param("scale", {1}, fill(1)) + s.param("bias", {1}, fill(0)); }

struct Layer {
  Pair window = 1;
  int stride = 1, groups = 1;
  Padding pad = Padding::centred;
};
Tensor layer(Scope s, Tensor x, int out, const HGNet& m, const Layer& l = {}) {
  x = conv_norm_act(s, x, out, l.window, {.stride = l.stride, .groups = l.groups, .pad = l.pad, .init = fan_out_normal});
  return m.affine ? affine(s["lab"], x) : x;
}
Tensor bare(Scope s, Tensor x, int out, const Layer& l = {}) {  // without activation
  return conv_norm_act(s, x, out, l.window,
                       {.stride = l.stride, .groups = l.groups, .act = Act::none, .init = fan_out_normal});
}

Tensor stem(Scope s, Tensor x, const HGNet& m) {  // [n,h,w,c] -> [n,h/4,w/4,out]
  int inner = m.stem[0];
  if (!m.second) {
    for (int i = 0; i < 3; i++)
      x = layer(s["stem"][i], x, m.stem[static_cast<size_t>(i)], m, {.window = 3, .stride = i ? 1 : 2});
    return max_pool(x, 3, 2, 1);
  }
  auto grown = [](Tensor y) { return pad(y, {0, 0, 0, 0}, {0, 1, 1, 0}); };  // by a row and a column of zeros
  x = grown(layer(s["stem1"], x, inner, m, {.window = 3, .stride = 2}));
  Tensor y = grown(layer(s["stem2a"], x, inner / 2, m, {.window = 2, .pad = Padding::none}));
  y = layer(s["stem2b"], y, inner, m, {.window = 2, .pad = Padding::none});
  Tensor both[] = {max_pool(x, 2, 1), y};
  x = layer(s["stem3"], concat(both, 3), inner, m, {.window = 3, .stride = 2});
  return layer(s["stem4"], x, m.stem[1], m);
}

Tensor aggregate(Scope s, Tensor x, int out, const HGNet& m) {
  if (m.second) return layer(s[1], layer(s[0], x, out / 2, m), out, m);
  x = layer(s[0], x, out, m);
  return x * sigmoid(conv(s[1]["conv"], reduce_mean(x, {1, 2}), out, 1, {.bias = true, .init = fan_out_normal}));
}

Tensor block(Scope s, Tensor x, const Stage& stage, bool light, bool residual, const HGNet& m, float drop) {
  std::vector<Tensor> all = {x};
  for (int i = 0; i < m.layers; i++) {
    Scope at = s["layers"][i];
    Tensor y = all.back();
    if (light)
      y = layer(at["conv2"], bare(at["conv1"], y, stage.inner), stage.inner, m, {.window = 5, .groups = stage.inner});
    else
      y = layer(at, y, stage.inner, m, {.window = 3});
    all.push_back(y);
  }
  Tensor y = aggregate(s["aggregation"], concat(all, 3), stage.out, m);
  return s.out(residual ? drop_path(s, y, drop) + x : y);
}

Tensor hgnet(Scope s, Tensor x, const HGNet& m, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  constexpr int kHidden = 2048;
  x = stem(s["stem"], x, m);
  int total = 0, index = 0;
  for (const Stage& stage : m.stages) total += stage.blocks;
  for (int i = 0; i < 4; i++) {
    Scope at = s["stages"][i];
    const Stage& stage = m.stages[static_cast<size_t>(i)];
    if (i > 0) x = bare(at["downsample"], x, x.c(), {.window = 3, .stride = 2, .groups = x.c()});
    for (int j = 0; j < stage.blocks; j++, index++)
      x = block(at["blocks"][j], x, stage, m.second && i > 1, j > 0, m, drop_rate(o.drop_path, index, total));
  }
  Scope head = s["head"];
  x = relu(conv(head["last_conv"][0], reduce_mean(x, {1, 2}), kHidden, 1, {.init = fan_out_normal}));  // [n,1,1,c]
  if (m.affine) x = affine(head["last_conv"][2], x);
  return linear(head["fc"], dropout(head, reshape(x, {x.n(), kHidden}), o.drop), o.classes);
}

Card card() { return imagenet_card(224, 0.965f); }

const Variant<HGNet> variants[] = {
    {"hgnet_tiny", {{48, 48, 96}, {{{96, 224}, {128, 448}, {160, 512, 2}, {192, 768}}}, 5}, card()},
    {"hgnet_small", {{64, 64, 128}, {{{128, 256}, {160, 512}, {192, 768, 2}, {224, 1024}}}, 6}, card()},
    {"hgnet_base", {{96, 96, 160}, {{{192, 320}, {224, 640, 2}, {256, 960, 3}, {288, 1280, 2}}}, 7}, card()},
    {"hgnetv2_b0", {{16, 16}, {{{16, 64}, {32, 256}, {64, 512, 2}, {128, 1024}}}, 3, true, true}, card()},
    {"hgnetv2_b1", {{24, 32}, {{{32, 64}, {48, 256}, {96, 512, 2}, {192, 1024}}}, 3, true, true}, card()},
    {"hgnetv2_b2", {{24, 32}, {{{32, 96}, {64, 384}, {128, 768, 3}, {256, 1536}}}, 4, true, true}, card()},
    {"hgnetv2_b3", {{24, 32}, {{{32, 128}, {64, 512}, {128, 1024, 3}, {256, 2048}}}, 5, true, true}, card()},
    {"hgnetv2_b4", {{32, 48}, {{{48, 128}, {96, 512}, {192, 1024, 3}, {384, 2048}}}, 6, true}, card()},
    {"hgnetv2_b5", {{32, 64}, {{{64, 128}, {128, 512, 2}, {256, 1024, 5}, {512, 2048, 2}}}, 6, true}, card()},
    {"hgnetv2_b6", {{48, 96}, {{{96, 192, 2}, {192, 512, 3}, {384, 1024, 6}, {768, 2048, 3}}}, 6, true}, card()},
};

}  // namespace

std::vector<Model> models_of_hgnet() { return models_from<HGNet>("hgnet", variants, hgnet); }

}  // namespace fovea
