// Next-ViT (arXiv:2207.05501): stages of convolutional blocks, each fourth or so followed by one with attention on a coarser
// map beside convolution. Names follow timm.
#include <algorithm>
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/blur.h"
#include "nn/conv_norm.h"
#include "nn/conv_norm_act.h"
#include "nn/transformer.h"
#include "ops/attention.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

using Four = std::array<int, 4>;
struct NextViT {
  Four depths;
};
constexpr int kHead = 32;
constexpr double kMix = 0.75;  // of a transformer block's channels have attention
constexpr Four kDims = {96, 192, 384, 768}, kMixed = {96, 256, 512, 1024}, kCoarser = {8, 4, 2, 1};
const LinearOptions kLinear{.init = truncated_normal};

Tensor plain(Scope s, Tensor x, int out, int window = 1, int groups = 1, bool bias = false) {
  return conv(s, x, out, window, {.groups = groups, .bias = bias, .init = truncated_normal});
}

Tensor embed(Scope s, Tensor x, int out, int stride) {  // [n,h,w,c] -> [n,h/stride,w/stride,out]
  if (stride == 1 && x.c() == out) return x;
  return batch_norm(s["norm"], plain(s["conv"], stride == 2 ? mean_pool(x) : x, out));
}

Tensor convolve(Scope s, Tensor x) {  // [n,h,w,c] -> same
  Tensor y = relu(batch_norm(s["norm"], plain(s["group_conv3x3"], x, x.c(), 3, x.c() / kHead)));
  return plain(s["projection"], y, x.c());
}

// Keys and values are means of `shrink` successive pixels.
Tensor attend(Scope s, Tensor x, int shrink) {  // [n,h,w,c] -> same
  int n = x.n(), c = x.c(), heads = c / kHead;
  Shape map = x.shape();
  x = reshape(x, {n, -1, c});
  auto part = [&](const char* name, Tensor t) { return split_heads(linear(s[name], t, c, kLinear), 0, 1, heads); };
  Tensor q = part("q", x);
  if (shrink > 1) {
    int groups = x.dim(1) / shrink;
    x = reduce_mean(reshape(slice(x, 1, 0, groups * shrink), {n, groups, shrink, c}), {2});
    x = batch_norm(s["norm"], reshape(x, {n, groups, c}));
  }
  Tensor y = attention(q, part("k", x), part("v", x), attention_scale(q));
  return linear(s["proj"], reshape(y, map), c, kLinear);
}

Tensor feed_forward(Scope s, Tensor x, int expand) {
  return plain(s["fc2"], relu(plain(s["fc1"], x, expand * x.c(), 1, 1, true)), x.c(), 1, 1, true);
}

Tensor conv_block(Scope s, Tensor x, int out, int stride, float drop) {  // [n,h,w,c] -> [n,h/stride,w/stride,out]
  x = embed(s["patch_embed"], x, out, stride);
  x = x + drop_path(s["mhca"], convolve(s["mhca"], x), drop);
  return s.out(x + drop_path(s["mlp"], feed_forward(s["mlp"], batch_norm(s["norm"], x), 3), drop));
}

Tensor mixed_block(Scope s, Tensor x, int out, int stride, int coarser, float drop) {  // the same with attention
  int attentive = round_channels(out * kMix, 32);
  auto share = static_cast<float>(kMix);
  x = embed(s["patch_embed"], x, attentive, stride);
  Tensor y = attend(s["e_mhsa"], batch_norm(s["norm1"], x), coarser * coarser);
  x = x + drop_path(s["e_mhsa"], y, drop * share);
  y = embed(s["projection"], x, out - attentive, 1);
  Tensor both[] = {x, y + drop_path(s["mhca"], convolve(s["mhca"], y), drop * (1 - share))};
  x = concat(both, 3);
  return s.out(x + drop_path(s["mlp"], feed_forward(s["mlp"], batch_norm(s["norm2"], x), 2), drop));
}

Tensor nextvit(Scope s, Tensor x, const NextViT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  const int stem[] = {64, 32, 64, 64}, strides[] = {2, 1, 1, 2};
  for (int i = 0; i < 4; i++)
    x = conv_norm_act(s["stem"][i], x, stem[i], 3, {.stride = strides[i], .init = truncated_normal, .norm = "norm"});
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 4; i++) {
    int period = i == 0 ? m.depths[i] + 1 : std::min(m.depths[i], 5);  // the last block of so many is a mixed one
    for (int j = 0; j < m.depths[i]; j++) {
      Scope at = s["stages"][static_cast<int>(i)]["blocks"][j];
      int stride = i > 0 && j == 0 ? 2 : 1;
      x = j % period == period - 1 ? mixed_block(at, x, kMixed[i], stride, kCoarser[i], drop.next())
                                   : conv_block(at, x, kDims[i], stride, drop.next());
    }
  }
  x = dropout(s["head"], global_avg_pool(batch_norm(s["norm"], x)), o.drop);
  return linear(s["head"]["fc"], x, o.classes, kLinear);
}

const Variant<NextViT> variants[] = {
    {"nextvit_small", {{3, 4, 10, 3}}, imagenet_card(224, 0.95f)},
    {"nextvit_base", {{3, 4, 20, 3}}, imagenet_card(224, 0.95f)},
    {"nextvit_large", {{3, 4, 30, 3}}, imagenet_card(224, 0.95f)},
};

}  // namespace

std::vector<Model> models_of_nextvit() { return models_from<NextViT>("nextvit", variants, nextvit); }

}  // namespace fovea
