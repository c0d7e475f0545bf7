// MobileViT (arXiv:2110.02178) and MobileViT V2 (arXiv:2206.02680): MobileNet V2's blocks, then transformers among the
// pixels at the same place of all 2x2 patches. Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/conv_norm.h"
#include "nn/resize.h"
#include "nn/transformer.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/softmax.h"

namespace fovea {

namespace {

struct MobileViT {
  std::array<int, 5> widths;
  std::array<int, 3> dims = {};  // of the transformers; V2: half the width
  int expand = 2;
  int stem = 16, features = 0;  // channels before the classifier, V1
  bool second = false;          // V2
};
constexpr std::array<int, 3> kDepths = {2, 4, 3};
constexpr ConvNorm conv_norm{.init = fan_out_normal};

Tensor silu(Tensor x) { return activation(x, Act::silu); }
Tensor pointwise(Scope s, Tensor x, int out, bool bias) { return conv(s, x, out, 1, {.bias = bias}); }

Tensor inverted(Scope s, Tensor x, int out, int expand, int stride) {  // [n,h,w,c] -> [n,h/stride,w/stride,out]
  Tensor y = silu(conv_norm(s["conv1_1x1"], x, round_channels(expand * x.c())));
  y = conv_norm(s["conv3_1x1"], silu(conv_norm.depthwise(s["conv2_kxk"], y, 3, stride)), out);
  return s.out(x.shape() == y.shape() ? x + y : y);
}

// A map of even size <-> places within patches and patches.
Tensor to_patches(Tensor x) {  // [n,h,w,c] -> [n,4,h/2*w/2,c]
  int n = x.n(), h = x.h() / 2, w = x.w() / 2, c = x.c();
  return reshape(transpose(reshape(x, {n, h, 2, w, 2, c}), {0, 2, 4, 1, 3, 5}), {n, 4, h * w, c});
}
Tensor from_patches(Tensor x, int h, int w) {
  int n = x.n(), c = x.c();
  return reshape(transpose(reshape(x, {n, 2, 2, h / 2, w / 2, c}), {0, 3, 1, 4, 2, 5}), {n, h, w, c});
}
int even(int size) { return (size + 1) / 2 * 2; }

Tensor transform(Scope s, Tensor x, int dim, int depth, float drop) {  // V1: [n,h,w,c] -> same
  int h = even(x.h()), w = even(x.w());
  Tensor y = silu(conv_norm(s["conv_kxk"], x, x.c(), 3));
  y = to_patches(resize_bilinear(pointwise(s["conv_1x1"], y, dim, false), h, w));
  Shape patches = y.shape();
  y = reshape(y, {4 * x.n(), -1, dim});
  for (int i = 0; i < depth; i++) y = transformer_block(s["transformer"][i], y, {4, 2 * dim, Act::silu, 1e-5f}, drop);
  y = from_patches(reshape(layer_norm(s["norm"], y, 1e-5f), patches), h, w);
  y = silu(conv_norm(s["conv_proj"], resize_bilinear(y, x.h(), x.w()), x.c()));
  Tensor both[] = {x, y};
  return s.out(silu(conv_norm(s["conv_fusion"], concat(both, 3), x.c(), 3)));
}

// One number for each token says how much its key counts in the context that all values are multiplied with.
Tensor linear_attention(Scope s, Tensor x) {  // [n,places,patches,c] -> same
  int c = x.c();
  Tensor y = pointwise(s["qkv_proj"], x, 1 + 2 * c, true);
  Tensor scores = softmax(reshape(slice(y, 3, 0, 1), {x.n(), x.h(), x.w()}));
  Tensor context = reduce_sum(slice(y, 3, 1, c) * reshape(scores, {x.n(), x.h(), x.w(), 1}), {2});
  return pointwise(s["out_proj"], relu(slice(y, 3, 1 + c, c)) * context, c, true);
}

Tensor transform_linear(Scope s, Tensor x, int depth, float drop) {  // V2: [n,h,w,c] -> same, of even size
  int h = even(x.h()), w = even(x.w()), c = x.c(), dim = round_channels(c / 2.0);
  x = silu(conv_norm.depthwise(s["conv_kxk"], resize_bilinear(x, h, w, true), 3));
  x = to_patches(pointwise(s["conv_1x1"], x, dim, false));
  for (int i = 0; i < depth; i++) {
    Scope at = s["transformer"][i], mlp = at["mlp"];
    x = x + drop_path(at["attn"], linear_attention(at["attn"], group_norm(at["norm1"], x, 1)), drop);
    Tensor y = silu(pointwise(mlp["fc1"], group_norm(at["norm2"], x, 1), 2 * dim, true));
    x = at.out(x + drop_path(mlp, pointwise(mlp["fc2"], y, dim, true), drop));
  }
  return s.out(conv_norm(s["conv_proj"], from_patches(group_norm(s["norm"], x, 1), h, w), c));
}

Tensor mobilevit(Scope s, Tensor x, const MobileViT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = silu(conv_norm(s["stem"], x, m.stem, 3, 2));
  for (size_t i = 0; i < 5; i++) {
    Scope stage = s["stages"][static_cast<int>(i)];
    int blocks = i == 1 ? (m.second ? 2 : 3) : 1;
    for (int j = 0; j < blocks; j++) x = inverted(stage[j], x, m.widths[i], m.expand, i > 0 && j == 0 ? 2 : 1);
    if (i < 2) continue;
    x = m.second ? transform_linear(stage[1], x, kDepths[i - 2], o.drop_path)
                 : transform(stage[1], x, m.dims[i - 2], kDepths[i - 2], o.drop_path);
  }
  if (m.features) x = s["final_conv"].feature(silu(conv_norm(s["final_conv"], x, m.features)));
  return linear(s["head"]["fc"], dropout(s["head"], global_avg_pool(x), o.drop), o.classes);
}

MobileViT v2(double width) {
  auto c = [&](int channels) { return static_cast<int>(channels * width); };
  return {.widths = {c(64), c(128), c(256), c(384), c(512)}, .stem = c(32), .second = true};
}
Card first_card() { return unit_card(256, 0.9f, "bicubic"); }
Card second_card() { return unit_card(256, 0.888f, "bicubic"); }

const Variant<MobileViT> variants[] = {
    {"mobilevit_xxs", {{16, 24, 48, 64, 80}, {64, 80, 96}, 2, 16, 320}, first_card()},
    {"mobilevit_xs", {{32, 48, 64, 80, 96}, {96, 120, 144}, 4, 16, 384}, first_card()},
    {"mobilevit_s", {{32, 64, 96, 128, 160}, {144, 192, 240}, 4, 16, 640}, first_card()},
    {"mobilevitv2_050", v2(0.5), second_card()},
    {"mobilevitv2_075", v2(0.75), second_card()},
    {"mobilevitv2_100", v2(1), second_card()},
    {"mobilevitv2_125", v2(1.25), second_card()},
    {"mobilevitv2_150", v2(1.5), second_card()},
    {"mobilevitv2_175", v2(1.75), second_card()},
    {"mobilevitv2_200", v2(2), second_card()},
};

}  // namespace

std::vector<Model> models_of_mobilevit() { return models_from<MobileViT>("mobilevit", variants, mobilevit); }

}  // namespace fovea
