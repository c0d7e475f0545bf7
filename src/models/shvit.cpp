// SHViT (arXiv:2401.16456): attention with a single head, over a part of the channels. Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/conv_norm.h"
#include "nn/transformer.h"
#include "ops/biased_attention.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct SHViT {
  std::array<int, 3> depths, dims, parts;  // so many channels attend, but none in the first stage
};
constexpr ConvNorm conv_norm{"c"};
constexpr int kKeys = 16;

Tensor depthwise(Scope s, Tensor x, float drop, float gamma = 0) {
  return x + drop_path(s, conv_norm.depthwise(s["m"], x, 3, 1, gamma), drop);
}
Tensor feed_forward(Scope s, Tensor x, float drop) {
  Tensor y = relu(conv_norm(s["m"]["pw1"], x, 2 * x.c()));
  return x + drop_path(s, conv_norm(s["m"]["pw2"], y, x.c(), 1, 1, 1, 0), drop);
}

Tensor attend(Scope s, Tensor x, int part) {  // [n,h,w,c] -> same
  Tensor y = conv_norm(s["qkv"], group_norm(s["pre_norm"], slice(x, 3, 0, part), 1), 2 * kKeys + part);
  y = reshape(y, {x.n(), -1, 1, y.c()});
  Tensor q = slice(y, 3, 0, kKeys), k = slice(y, 3, kKeys, kKeys), v = slice(y, 3, 2 * kKeys, part);
  y = reshape(biased_attention(q, k, v, attention_scale(q)), {x.n(), x.h(), x.w(), part});
  Tensor both[] = {y, slice(x, 3, part, x.c() - part)};
  return conv_norm(s["proj"][1], relu(concat(both, 3)), x.c(), 1, 1, 1, 0);
}

Tensor block(Scope s, Tensor x, int part, float drop) {  // [n,h,w,c] -> same
  x = depthwise(s["conv"], x, drop);
  if (part) x = x + drop_path(s["mixer"], attend(s["mixer"]["m"], x, part), drop);
  return s.out(feed_forward(s["ffn"], x, drop));
}

Tensor downsample(Scope s, Tensor x, int out) {  // [n,h,w,c] -> [n,h/2,w/2,out]
  x = feed_forward(s[1], depthwise(s[0], x, 0, 1), 0);
  x = merge_patches(conv_norm, s[2], x, out);
  return feed_forward(s[4], depthwise(s[3], x, 0, 1), 0);
}

Tensor shvit(Scope s, Tensor x, const SHViT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  for (int i = 0; i < 4; i++) {
    x = conv_norm(s["patch_embed"][2 * i], x, m.dims[0] >> (3 - i), 3, 2);
    if (i < 3) x = relu(x);
  }
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 3; i++) {
    Scope stage = s["stages"][static_cast<int>(i)];
    if (i > 0) x = downsample(stage["downsample"], x, m.dims[i]);
    for (int j = 0; j < m.depths[i]; j++) x = block(stage["blocks"][j], x, i > 0 ? m.parts[i] : 0, drop.next());
  }
  return norm_linear(s["head"], "l", global_avg_pool(x), o.classes, o.drop);
}

const Variant<SHViT> variants[] = {
    {"shvit_s1", {{2, 4, 5}, {128, 224, 320}, {32, 48, 68}}, imagenet_card()},
    {"shvit_s2", {{2, 4, 5}, {128, 308, 448}, {32, 66, 96}}, imagenet_card()},
    {"shvit_s3", {{3, 5, 5}, {192, 352, 448}, {48, 75, 96}}, imagenet_card()},
    {"shvit_s4", {{4, 7, 6}, {224, 336, 448}, {48, 72, 96}}, imagenet_card(256)},
};

}  // namespace

std::vector<Model> models_of_shvit() { return models_from<SHViT>("shvit", variants, shvit); }

}  // namespace fovea
