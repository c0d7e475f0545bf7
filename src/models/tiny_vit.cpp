// TinyViT (arXiv:2207.10666): MobileNet V2's blocks first, then attention within windows with a convolution after it. Names
// follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/attention_forms.h"
#include "nn/conv_norm.h"
#include "nn/transformer.h"
#include "nn/windows.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct TinyViT {
  std::array<int, 4> dims;
  int window = 7;  // twice as large in the third stage
};
constexpr ConvNorm conv_norm;
constexpr std::array<int, 4> kDepths = {2, 2, 6, 2};
constexpr int kHead = 32;  // channels of a head

Tensor mobile_block(Scope s, Tensor x, float drop) {  // [n,h,w,c] -> same
  Tensor y = gelu(conv_norm(s["conv1"], x, 4 * x.c()));
  y = conv_norm(s["conv3"], gelu(conv_norm.depthwise(s["conv2"], y, 3)), x.c(), 1, 1, 1, 0);
  return s.out(gelu(x + drop_path(s, y, drop)));
}

Tensor attend(Scope s, Tensor x, int window) {  // [n,h,w,c] -> same
  int c = x.c(), heads = c / kHead;
  Tensor bias = distance_bias(s.param("attention_biases", {heads, window * window}, fill(0)), window);
  return in_windows(x, {window, 0}, [&](Tensor t) {  // its padding meets the norm too
    t = linear(s["qkv"], layer_norm(s["norm"], t, 1e-5f), 3 * c, {.init = truncated_normal});
    return linear(s["proj"], attend_by_head(t, heads, kHead, bias), c, {.init = truncated_normal});
  });
}

Tensor block(Scope s, Tensor x, int window, float drop) {  // [n,h,w,c] -> same
  x = x + drop_path(s["attn"], attend(s["attn"], x, window), drop);
  x = conv_norm.depthwise(s["local_conv"], x, 3);
  Tensor y = mlp(s["mlp"], layer_norm(s["mlp"]["norm"], x, 1e-5f), 4 * x.c());
  return s.out(x + drop_path(s["mlp"], y, drop));
}

Tensor merge(Scope s, Tensor x, int out) {  // [n,h,w,c] -> [n,h/2,w/2,out]
  x = gelu(conv_norm(s["conv1"], x, out));
  return conv_norm(s["conv3"], gelu(conv_norm.depthwise(s["conv2"], x, 3, 2)), out);
}

Tensor tiny_vit(Scope s, Tensor x, const TinyViT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = gelu(conv_norm(s["patch_embed"]["conv1"], x, m.dims[0] / 2, 3, 2));
  x = conv_norm(s["patch_embed"]["conv2"], x, m.dims[0], 3, 2);
  DropRamp drop(o.drop_path, kDepths);
  for (size_t i = 0; i < 4; i++) {
    Scope stage = s["stages"][static_cast<int>(i)];
    if (i > 0) x = merge(stage["downsample"], x, m.dims[i]);
    for (int j = 0; j < kDepths[i]; j++) {
      Scope at = stage["blocks"][j];
      x = i == 0 ? mobile_block(at, x, drop.next()) : block(at, x, i == 2 ? 2 * m.window : m.window, drop.next());
    }
  }
  Scope head = s["head"];
  x = dropout(head, layer_norm(head["norm"], global_avg_pool(x), 1e-5f), o.drop);
  return linear(head["fc"], x, o.classes, {.init = truncated_normal});
}

constexpr std::array<int, 4> k21 = {96, 192, 384, 576};

const Variant<TinyViT> variants[] = {
    {"tiny_vit_5m_224", {{64, 128, 160, 320}}, imagenet_card(224, 0.95f)},
    {"tiny_vit_11m_224", {{64, 128, 256, 448}}, imagenet_card(224, 0.95f)},
    {"tiny_vit_21m_224", {k21}, imagenet_card(224, 0.95f)},
    {"tiny_vit_21m_384", {k21, 12}, imagenet_card(384, 1)},
    {"tiny_vit_21m_512", {k21, 16}, imagenet_card(512, 1)},
};

}  // namespace

std::vector<Model> models_of_tiny_vit() { return models_from<TinyViT>("tiny_vit", variants, tiny_vit); }

}  // namespace fovea
