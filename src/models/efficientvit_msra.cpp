// EfficientViT of Microsoft (arXiv:2305.07027): each head of an attention sees its share of the channels and what the head
// before made of its own. Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/conv_norm.h"
#include "nn/transformer.h"
#include "nn/windows.h"
#include "ops/biased_attention.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct EfficientViT {
  std::array<int, 3> dims, depths, heads;
  std::array<int, 4> windows = {7, 5, 3, 3};  // of the convolutions of queries, by head
};
constexpr ConvNorm conv_norm;
constexpr int kKeys = 16, kWindow = 7;

Tensor depthwise(Scope s, Tensor x, float drop, float gamma = 0) {
  return x + drop_path(s, conv_norm.depthwise(s["m"], x, 3, 1, gamma), drop);
}
Tensor feed_forward(Scope s, Tensor x, float drop) {
  Tensor y = relu(conv_norm(s["m"]["pw1"], x, 2 * x.c()));
  return x + drop_path(s, conv_norm(s["m"]["pw2"], y, x.c(), 1, 1, 1, 0), drop);
}

Tensor attend(Scope s, Tensor x, int heads, const EfficientViT& m) {  // [n,h,w,c], a window each -> same
  int c = x.c() / heads, tokens = x.h() * x.w();
  Tensor bias = distance_bias(s.param("attention_biases", {heads, tokens}, fill(0)), {x.h(), x.w()}), feat;
  std::vector<Tensor> made;
  for (int i = 0; i < heads; i++) {
    Tensor share = slice(x, 3, i * c, c);
    feat = conv_norm(s["qkvs"][i], i > 0 ? feat + share : share, 2 * kKeys + c);
    auto part = [&](Tensor t) { return reshape(t, {x.n(), tokens, 1, t.c()}); };
    Tensor q = part(conv_norm.depthwise(s["dws"][i], slice(feat, 3, 0, kKeys), m.windows[static_cast<size_t>(i)]));
    Tensor k = part(slice(feat, 3, kKeys, kKeys)), v = part(slice(feat, 3, 2 * kKeys, c));
    feat = biased_attention(q, k, v, attention_scale(q), slice(bias, 1, i, 1));
    made.push_back(feat = reshape(feat, {x.n(), x.h(), x.w(), c}));
  }
  return conv_norm(s["proj"][1], relu(concat(made, 3)), x.c(), 1, 1, 1, 0);
}

Tensor mix(Scope s, Tensor x, int heads, const EfficientViT& m) {  // [n,h,w,c] -> same
  WindowPlace place = place_window(x.shape(), kWindow, 0);
  return in_windows(x, place, [&](Tensor t) {
    Tensor y = reshape(t, {t.n(), place.size.h, place.size.w, t.c()});
    return reshape(attend(s["attn"], y, heads, m), t.shape());
  });
}

Tensor block(Scope s, Tensor x, int heads, const EfficientViT& m, float drop) {  // [n,h,w,c] -> same
  x = feed_forward(s["ffn0"], depthwise(s["dw0"], x, drop), drop);
  x = x + drop_path(s["mixer"], mix(s["mixer"]["m"], x, heads, m), drop);
  return s.out(feed_forward(s["ffn1"], depthwise(s["dw1"], x, drop), drop));
}

Tensor downsample(Scope s, Tensor x, int out) {  // [n,h,w,c] -> [n,h/2,w/2,out]
  x = feed_forward(s["res1"][1], depthwise(s["res1"][0], x, 0, 1), 0);
  x = merge_patches(conv_norm, s["patchmerge"], x, out);
  return feed_forward(s["res2"][1], depthwise(s["res2"][0], x, 0, 1), 0);
}

Tensor efficientvit(Scope s, Tensor x, const EfficientViT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  for (int i = 0; i < 4; i++) {
    x = conv_norm(s["patch_embed"]["conv" + std::to_string(i + 1)], x, m.dims[0] >> (3 - i), 3, 2);
    if (i < 3) x = relu(x);
  }
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 3; i++) {
    Scope stage = s["stages"][static_cast<int>(i)];
    if (i > 0) x = downsample(stage["downsample"], x, m.dims[i]);
    for (int j = 0; j < m.depths[i]; j++) x = block(stage["blocks"][j], x, m.heads[i], m, drop.next());
  }
  return norm_linear(s["head"], "linear", global_avg_pool(x), o.classes, o.drop);
}

constexpr std::array<int, 4> kFives = {5, 5, 5, 5};

const Variant<EfficientViT> variants[] = {
    {"efficientvit_m0", {{64, 128, 192}, {1, 2, 3}, {4, 4, 4}, kFives}, imagenet_card()},
    {"efficientvit_m1", {{128, 144, 192}, {1, 2, 3}, {2, 3, 3}}, imagenet_card()},
    {"efficientvit_m2", {{128, 192, 224}, {1, 2, 3}, {4, 3, 2}}, imagenet_card()},
    {"efficientvit_m3", {{128, 240, 320}, {1, 2, 3}, {4, 3, 4}, kFives}, imagenet_card()},
    {"efficientvit_m4", {{128, 256, 384}, {1, 2, 3}, {4, 4, 4}}, imagenet_card()},
    {"efficientvit_m5", {{192, 288, 384}, {1, 3, 4}, {3, 3, 4}}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_efficientvit_msra() {
  return models_from<EfficientViT>("efficientvit_msra", variants, efficientvit);
}

}  // namespace fovea
