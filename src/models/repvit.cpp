// RepViT (arXiv:2307.09283): MobileNet V3's blocks in the order of a transformer's, their depthwise convolutions with
// branches that can be merged. Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/channel_attention.h"
#include "nn/conv_norm.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct RepViT {
  std::array<int, 4> depths;
  int dim;              // of the first stage, twice as many in each that follows
  bool legacy = false;  // each branch has its norm, not their sum
};
constexpr ConvNorm conv_norm{"c"};

Tensor mixer(Scope s, Tensor x, const RepViT& m) {  // [n,h,w,c] -> same
  Tensor y = conv_norm.depthwise(s["conv"], x, 3);
  if (m.legacy) return y + conv_norm.depthwise(s["conv1"], x, 1) + x;
  Tensor scaled = conv(s["conv1"], x, x.c(), 1, {.groups = x.c(), .bias = true, .init = truncated_normal});
  return batch_norm(s["bn"], y + scaled + x);
}

Tensor feed_forward(Scope s, Tensor x, float drop) {
  Tensor y = gelu(conv_norm(s["conv1"], x, 2 * x.c()));
  return x + drop_path(s, conv_norm(s["conv2"], y, x.c(), 1, 1, 1, 0), drop);
}

Tensor block(Scope s, Tensor x, bool squeeze, const RepViT& m, float drop) {  // [n,h,w,c] -> same
  x = mixer(s["token_mixer"], x, m);
  if (squeeze) x = squeeze_excite(s["se"], x, {.hidden = round_channels(x.c() / 4.0, 8, 0)});
  return s.out(feed_forward(s["channel_mixer"], x, drop));
}

Tensor downsample(Scope s, Tensor x, const RepViT& m) {  // [n,h,w,c] -> [n,h/2,w/2,2c]
  x = block(s["pre_block"], x, false, m, 0);
  x = conv_norm.depthwise(s["spatial_downsample"], x, 3, 2);
  return feed_forward(s["ffn"], conv_norm(s["channel_downsample"], x, 2 * x.c()), 0);
}

Tensor repvit(Scope s, Tensor x, const RepViT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = gelu(conv_norm(s["stem"]["conv1"], x, m.dim / 2, 3, 2));
  x = conv_norm(s["stem"]["conv2"], x, m.dim, 3, 2);
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 4; i++) {
    Scope stage = s["stages"][static_cast<int>(i)];
    if (i > 0) x = downsample(stage["downsample"], x, m);
    for (int j = 0; j < m.depths[i]; j++) x = block(stage["blocks"][j], x, j % 2 == 0, m, drop.next());
    stage.feature(x);
  }
  Scope head = s["head"];
  x = dropout(head, global_avg_pool(x), o.drop);
  return (norm_linear(head["head"], "l", x, o.classes) + norm_linear(head["head_dist"], "l", x, o.classes)) * 0.5f;
}

Card card() { return imagenet_card(224, 0.95f); }

const Variant<RepViT> variants[] = {
    {"repvit_m1", {{2, 2, 14, 2}, 48, true}, card()}, {"repvit_m2", {{2, 2, 12, 2}, 64, true}, card()},
    {"repvit_m3", {{4, 4, 18, 2}, 64, true}, card()}, {"repvit_m0_9", {{2, 2, 14, 2}, 48}, card()},
    {"repvit_m1_0", {{2, 2, 14, 2}, 56}, card()},     {"repvit_m1_1", {{2, 2, 12, 2}, 64}, card()},
    {"repvit_m1_5", {{4, 4, 24, 4}, 64}, card()},     {"repvit_m2_3", {{6, 6, 34, 2}, 80}, card()},
};

}  // namespace

std::vector<Model> models_of_repvit() { return models_from<RepViT>("repvit", variants, repvit); }

}  // namespace fovea
