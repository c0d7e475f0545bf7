// Inception V3 (arXiv:1512.00567), V4 and Inception-ResNet V2 (arXiv:1602.07261): branches of several windows side by side.
// Names follow timm, from which each of the three has its own.
#include <initializer_list>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/conv_norm_act.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct Layer {
  int out;
  Pair window = 1;
  int stride = 1;
  Padding pad = Padding::centred;
};
using Layers = std::initializer_list<Layer>;
const Pair kRow{1, 7}, kColumn{7, 1}, kShortRow{1, 3}, kShortColumn{3, 1};
Layer bare(int out, Pair window, int stride = 1) { return {out, window, stride, Padding::none}; }  // without padding
Layer halving(int out) { return bare(out, 3, 2); }

Tensor layer(Scope s, Tensor x, const Layer& l) {
  return conv_norm_act(s, x, l.out, l.window, {.stride = l.stride, .pad = l.pad, .eps = 1e-3f});
}
// Parameters s.0, s.1, ...; of a single layer s.
Tensor chain(Scope s, Tensor x, Layers layers) {
  int i = 0;
  for (const Layer& l : layers) x = layer(layers.size() == 1 ? s : s[i++], x, l);
  return x;
}
// Parameters name_1, name_2, ...
Tensor numbered(Scope s, const std::string& name, Tensor x, Layers layers) {
  int i = 0;
  for (const Layer& l : layers) x = layer(s[name + "_" + std::to_string(++i)], x, l);
  return x;
}
Tensor join(std::initializer_list<Tensor> parts) { return concat({parts.begin(), parts.size()}, 3); }
Tensor mean3(Tensor x, bool count_pad) { return avg_pool(x, 3, 1, 1, count_pad); }
Tensor max3(Tensor x) { return max_pool(x, 3, 2); }

// V3

Tensor v3_a(Scope s, Tensor x, int pooled) {  // 35x35
  return s.out(
      join({layer(s["branch1x1"], x, {64}), numbered(s, "branch5x5", x, {{48}, {64, 5}}),
            numbered(s, "branch3x3dbl", x, {{64}, {96, 3}, {96, 3}}), layer(s["branch_pool"], mean3(x, true), {pooled})}));
}
Tensor v3_b(Scope s, Tensor x) {  // to 17x17
  return s.out(
      join({layer(s["branch3x3"], x, halving(384)), numbered(s, "branch3x3dbl", x, {{64}, {96, 3}, halving(96)}), max3(x)}));
}
Tensor v3_c(Scope s, Tensor x, int c) {
  return s.out(join({layer(s["branch1x1"], x, {192}), numbered(s, "branch7x7", x, {{c}, {c, kRow}, {192, kColumn}}),
                     numbered(s, "branch7x7dbl", x, {{c}, {c, kColumn}, {c, kRow}, {c, kColumn}, {192, kRow}}),
                     layer(s["branch_pool"], mean3(x, true), {192})}));
}
Tensor v3_d(Scope s, Tensor x) {  // to 8x8
  return s.out(join({numbered(s, "branch3x3", x, {{192}, halving(320)}),
                     numbered(s, "branch7x7x3", x, {{192}, {192, kRow}, {192, kColumn}, halving(192)}), max3(x)}));
}
Tensor v3_e(Scope s, Tensor x) {
  Tensor y = layer(s["branch3x3_1"], x, {384}), z = numbered(s, "branch3x3dbl", x, {{448}, {384, 3}});
  return s.out(join({layer(s["branch1x1"], x, {320}), layer(s["branch3x3_2a"], y, {384, kShortRow}),
                     layer(s["branch3x3_2b"], y, {384, kShortColumn}), layer(s["branch3x3dbl_3a"], z, {384, kShortRow}),
                     layer(s["branch3x3dbl_3b"], z, {384, kShortColumn}), layer(s["branch_pool"], mean3(x, true), {192})}));
}

Tensor v3(Scope s, Tensor x) {  // [n,h,w,3] -> [n,h/32,w/32,2048]
  x = layer(s["Conv2d_1a_3x3"], x, halving(32));
  x = layer(s["Conv2d_2a_3x3"], x, bare(32, 3));
  x = max3(s["Conv2d_2b_3x3"].feature(layer(s["Conv2d_2b_3x3"], x, {64, 3})));
  x = layer(s["Conv2d_3b_1x1"], x, {80});
  x = max3(s["Conv2d_4a_3x3"].feature(layer(s["Conv2d_4a_3x3"], x, bare(192, 3))));
  x = v3_a(s["Mixed_5d"], v3_a(s["Mixed_5c"], v3_a(s["Mixed_5b"], x, 32), 64), 64);
  x = v3_c(s["Mixed_6c"], v3_c(s["Mixed_6b"], v3_b(s["Mixed_6a"], x), 128), 160);
  x = v3_c(s["Mixed_6e"], v3_c(s["Mixed_6d"], x, 160), 192);
  return v3_e(s["Mixed_7c"], v3_e(s["Mixed_7b"], v3_d(s["Mixed_7a"], x)));
}

// V4

Tensor v4_stem(Scope s, Tensor x) {  // [n,h,w,3] -> [n,h/8,w/8,384]; parameters s.0 to s.5
  x = s[2].feature(layer(s[2], layer(s[1], layer(s[0], x, halving(32)), bare(32, 3)), {64, 3}));
  x = s[3].feature(join({max3(x), layer(s[3]["conv"], x, halving(96))}));
  x = join({chain(s[4]["branch0"], x, {{64}, bare(96, 3)}),
            chain(s[4]["branch1"], x, {{64}, {64, kRow}, {64, kColumn}, bare(96, 3)})});
  return s[5].out(join({layer(s[5]["conv"], x, halving(192)), max3(x)}));
}
Tensor v4_a(Scope s, Tensor x) {
  return s.out(join({chain(s["branch0"], x, {{96}}), chain(s["branch1"], x, {{64}, {96, 3}}),
                     chain(s["branch2"], x, {{64}, {96, 3}, {96, 3}}), layer(s["branch3"][1], mean3(x, false), {96})}));
}
Tensor v4_b(Scope s, Tensor x) {
  return s.out(join({chain(s["branch0"], x, {{384}}), chain(s["branch1"], x, {{192}, {224, kRow}, {256, kColumn}}),
                     chain(s["branch2"], x, {{192}, {192, kColumn}, {224, kRow}, {224, kColumn}, {256, kRow}}),
                     layer(s["branch3"][1], mean3(x, false), {128})}));
}
Tensor v4_c(Scope s, Tensor x) {
  Tensor y = layer(s["branch1_0"], x, {384});
  Tensor z =
      layer(s["branch2_2"], layer(s["branch2_1"], layer(s["branch2_0"], x, {384}), {448, kShortColumn}), {512, kShortRow});
  return s.out(join({layer(s["branch0"], x, {256}), layer(s["branch1_1a"], y, {256, kShortRow}),
                     layer(s["branch1_1b"], y, {256, kShortColumn}), layer(s["branch2_3a"], z, {256, kShortRow}),
                     layer(s["branch2_3b"], z, {256, kShortColumn}), layer(s["branch3"][1], mean3(x, false), {256})}));
}

Tensor v4(Scope s, Tensor x) {  // [n,h,w,3] -> [n,h/32,w/32,1536]
  s = s["features"];
  x = v4_stem(s, x);
  for (int i = 6; i < 10; i++) x = v4_a(s[i], x);
  x = join(
      {chain(s[10]["branch0"], x, {halving(384)}), chain(s[10]["branch1"], x, {{192}, {224, 3}, halving(256)}), max3(x)});
  for (int i = 11; i < 18; i++) x = v4_b(s[i], x);
  x = join({chain(s[18]["branch0"], x, {{192}, halving(192)}),
            chain(s[18]["branch1"], x, {{256}, {256, kRow}, {320, kColumn}, halving(320)}), max3(x)});
  for (int i = 19; i < 22; i++) x = v4_c(s[i], x);
  return x;
}

// Inception-ResNet V2

// The branches' joint 1x1 convolution, scaled, joins x.
Tensor added(Scope s, Tensor x, Tensor branches, float scale, bool active = true) {
  Tensor y = conv(s["conv2d"], branches, x.c(), 1, {.bias = true, .init = fan_out_normal}) * scale + x;
  return s.out(active ? relu(y) : y);
}
Tensor block35(Scope s, Tensor x) {
  return added(s, x,
               join({chain(s["branch0"], x, {{32}}), chain(s["branch1"], x, {{32}, {32, 3}}),
                     chain(s["branch2"], x, {{32}, {48, 3}, {64, 3}})}),
               0.17f);
}
Tensor block17(Scope s, Tensor x) {
  return added(s, x, join({chain(s["branch0"], x, {{192}}), chain(s["branch1"], x, {{128}, {160, kRow}, {192, kColumn}})}),
               0.1f);
}
Tensor block8(Scope s, Tensor x, float scale, bool active) {
  Tensor y = chain(s["branch1"], x, {{192}, {224, kShortRow}, {256, kShortColumn}});
  return added(s, x, join({chain(s["branch0"], x, {{192}}), y}), scale, active);
}

Tensor residual_v2(Scope s, Tensor x) {  // [n,h,w,3] -> [n,h/32,w/32,1536]
  x = layer(s["conv2d_2a"], layer(s["conv2d_1a"], x, halving(32)), bare(32, 3));
  x = max3(s["conv2d_2b"].feature(layer(s["conv2d_2b"], x, {64, 3})));
  x = max3(s["conv2d_4a"].feature(layer(s["conv2d_4a"], layer(s["conv2d_3b"], x, {80}), bare(192, 3))));
  Scope a = s["mixed_5b"], b = s["mixed_6a"], c = s["mixed_7a"];
  x = a.out(join({chain(a["branch0"], x, {{96}}), chain(a["branch1"], x, {{48}, {64, 5}}),
                  chain(a["branch2"], x, {{64}, {96, 3}, {96, 3}}), layer(a["branch3"][1], mean3(x, false), {64})}));
  for (int i = 0; i < 10; i++) x = block35(s["repeat"][i], x);
  x = b.out(
      join({chain(b["branch0"], x, {halving(384)}), chain(b["branch1"], x, {{256}, {256, 3}, halving(384)}), max3(x)}));
  for (int i = 0; i < 20; i++) x = block17(s["repeat_1"][i], x);
  x = c.out(join({chain(c["branch0"], x, {{256}, halving(384)}), chain(c["branch1"], x, {{256}, halving(288)}),
                  chain(c["branch2"], x, {{256}, {288, 3}, halving(320)}), max3(x)}));
  for (int i = 0; i < 9; i++) x = block8(s["repeat_2"][i], x, 0.2f, true);
  return s["conv2d_7b"].feature(layer(s["conv2d_7b"], block8(s["block8"], x, 1, false), {1536}));
}

struct Inception {
  Tensor (*features)(Scope, Tensor);
  const char* classifier;
};
Tensor inception(Scope s, Tensor x, const Inception& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  Scope last = s[m.classifier];
  return linear(last, dropout(last, global_avg_pool(m.features(s, x)), o.drop), o.classes);
}

const Variant<Inception> variants[] = {
    {"inception_v3", {v3, "fc"}, half_card(299)},
    {"inception_v4", {v4, "last_linear"}, half_card(299)},
    {"inception_resnet_v2", {residual_v2, "classif"}, half_card(299, 0.8975f)},
};

}  // namespace

std::vector<Model> models_of_inception() { return models_from<Inception>("inception", variants, inception); }

}  // namespace fovea
