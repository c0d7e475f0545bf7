// FastViT (arXiv:2303.14189), and the towers of MobileCLIP (arXiv:2311.17049) and MobileCLIP2: convolutions whose branches
// can be merged, attention in the last stages. Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/channel_attention.h"
#include "nn/conv_norm.h"
#include "nn/transformer.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct FastViT {
  std::array<int, 5> depths;  // 0: no such stage
  int dim;                    // of the first stage, twice as many in each that follows
  int expand = 4;
  int attentive = 5;     // the first stage with attention
  bool clip = false;     // an activation between the convolutions that shrink the map
  bool squeeze = false;  // and squeeze and excitation there, in the third and the fourth stage
  bool second = false;   // MobileCLIP2: no 1x1 branches in the stem, layer norm before attention
};
constexpr ConvNorm conv_norm{.init = fan_in_uniform};

struct Branches {
  int out, window, stride = 1, groups = 1;
  bool pointwise = true;  // a 1x1 branch beside a larger window
};
// Sums of a convolution, a 1x1 convolution and nothing but a norm (arXiv:2206.04040).
Tensor branched(Scope s, Tensor x, const Branches& b) {
  Tensor y = conv_norm(s["conv_kxk"][0], x, b.out, b.window, b.stride, b.groups);
  if (b.window > 1 && b.pointwise) y = y + conv_norm(s["conv_scale"], x, b.out, 1, b.stride, b.groups);
  return x.c() == b.out && b.stride == 1 ? y + batch_norm(s["identity"], x) : y;
}

Tensor scaled(Scope s, Tensor x) { return x * reshape(s.param("gamma", {x.c(), 1, 1}, fill(1e-5f)), {x.c()}); }

Tensor stem(Scope s, Tensor x, const FastViT& m) {  // [n,h,w,3] -> [n,h/4,w/4,c]
  x = gelu(branched(s[0], x, {m.dim, 3, 2, 1, !m.second}));
  x = gelu(branched(s[1], x, {m.dim, 3, 2, m.dim, !m.second}));
  return gelu(branched(s[2], x, {m.dim, 1}));
}

Tensor downsample(Scope s, Tensor x, int stage, const FastViT& m) {  // [n,h,w,c] -> [n,h/2,w/2,2c]
  int out = 2 * x.c();
  Scope large = s["proj"][0];
  Tensor y = conv_norm(large["large_conv"], x, out, 7, 2, x.c()) + conv_norm(large["small_conv"], x, out, 3, 2, x.c());
  if (m.squeeze && stage >= 2) y = squeeze_excite(large["se"], y, {.hidden = round_channels(out / 4.0, 8, 0)});
  if (m.clip) y = gelu(y);
  return gelu(branched(s["proj"][1], y, {out, 1}));
}

Tensor feed_forward(Scope s, Tensor x, int hidden) {
  ConvOptions o{.bias = true, .init = truncated_normal};
  Tensor y = conv(s["fc1"], conv_norm.depthwise(s["conv"], x, 7), hidden, 1, o);
  return conv(s["fc2"], gelu(y), x.c(), 1, o);
}

Tensor conv_block(Scope s, Tensor x, const FastViT& m, float drop) {  // [n,h,w,c] -> same
  Scope mix = s["token_mixer"];
  Tensor y = branched(mix["mixer"], x, {x.c(), 3, 1, x.c()}) - batch_norm(mix["norm"]["identity"], x);
  x = x + scaled(mix["layer_scale"], y);
  return s.out(x + drop_path(s, scaled(s["layer_scale"], feed_forward(s["mlp"], x, m.expand * x.c())), drop));
}

Tensor attentive_block(Scope s, Tensor x, const FastViT& m, float drop) {  // [n,h,w,c] -> same
  Tensor y = m.second ? layer_norm(s["norm"], x, 1e-5f) : batch_norm(s["norm"], x);
  y = self_attention(s["token_mixer"], reshape(y, {x.n(), -1, x.c()}), x.c() / 32, {.qkv_bias = false});
  x = x + drop_path(s["token_mixer"], scaled(s["layer_scale_1"], reshape(y, x.shape())), drop);
  y = feed_forward(s["mlp"], x, m.expand * x.c());
  return s.out(x + drop_path(s["mlp"], scaled(s["layer_scale_2"], y), drop));
}

Tensor fastvit(Scope s, Tensor x, const FastViT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = stem(s["stem"], x, m);
  DropRamp drop(o.drop_path, m.depths);
  for (int i = 0; i < 5; i++) {
    int depth = m.depths[static_cast<size_t>(i)];
    if (depth == 0) break;
    Scope stage = s["stages"][i];
    if (i > 0) x = downsample(stage["downsample"], x, i, m);
    bool attentive = i >= m.attentive;
    if (attentive) x = x + conv(stage["pos_emb"]["pos_enc"], x, x.c(), 7, {.groups = x.c(), .bias = true});
    for (int j = 0; j < depth; j++) x = (attentive ? attentive_block : conv_block)(stage["blocks"][j], x, m, drop.next());
  }
  Scope last = s["final_conv"];
  x = branched(last, x, {2 * x.c(), 3, 1, x.c()});
  x = gelu(squeeze_excite(last["se"], x, {.hidden = round_channels(x.c() / 16.0, 1, 0)}));
  return linear(s["head"]["fc"], dropout(s["head"], global_avg_pool(x), o.drop), o.classes, {.init = truncated_normal});
}

FastViT clip(const std::array<int, 5>& depths, int dim) { return {depths, dim, 3, 3, true, true}; }
FastViT clip2(const std::array<int, 5>& depths, int dim) { return {depths, dim, 4, 3, true, false, true}; }
Card card(float crop = 0.9f) { return imagenet_card(256, crop); }
Card mobile_clip() { return unit_card(256, 0.95f, "bicubic"); }

const Variant<FastViT> variants[] = {
    {"fastvit_t8", {{2, 2, 4, 2}, 48, 3}, card()},
    {"fastvit_t12", {{2, 2, 6, 2}, 64, 3}, card()},
    {"fastvit_s12", {{2, 2, 6, 2}, 64}, card()},
    {"fastvit_sa12", {{2, 2, 6, 2}, 64, 4, 3}, card()},
    {"fastvit_sa24", {{4, 4, 12, 4}, 64, 4, 3}, card()},
    {"fastvit_sa36", {{6, 6, 18, 6}, 64, 4, 3}, card()},
    {"fastvit_ma36", {{6, 6, 18, 6}, 76, 4, 3}, card(0.95f)},
    {"fastvit_mci0", clip({2, 6, 10, 2}, 64), mobile_clip()},
    {"fastvit_mci1", clip({4, 12, 20, 4}, 64), mobile_clip()},
    {"fastvit_mci2", clip({4, 12, 24, 4}, 80), mobile_clip()},
    {"fastvit_mci3", clip2({2, 12, 24, 4, 2}, 96), clip_card(256, 0.95f)},
    {"fastvit_mci4", clip2({2, 12, 24, 4, 4}, 128), clip_card(256, 0.95f)},
};

}  // namespace

std::vector<Model> models_of_fastvit() { return models_from<FastViT>("fastvit", variants, fastvit); }

}  // namespace fovea
