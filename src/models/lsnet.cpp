// LSNet (arXiv:2503.23135): blocks that see far and blocks that look closely take turns. Names follow the authors'
// implementation.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/channel_attention.h"
#include "nn/conv_norm.h"
#include "nn/dynamic_conv.h"
#include "nn/transformer.h"
#include "nn/windows.h"
#include "ops/biased_attention.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct LSNet {
  std::array<int, 4> dims, depths;
  bool distilled = false;  // two classifiers, averaged
};
constexpr ConvNorm conv_norm{.conv = "c", .init = fan_in_uniform};

// Where the map is small: 4 heads, 16 channels of each query, which sees its neighbours. [n,h,w,c] -> same.
Tensor attend(Scope s, Tensor x) {
  constexpr int heads = 4, key = 16;
  int n = x.n(), pixels = x.h() * x.w(), c = x.c();
  Tensor qkv = conv_norm(s["qkv"], x, 2 * heads * key + c);
  auto split = [&](Tensor t) { return reshape(t, {n, pixels, heads, t.c() / heads}); };
  Tensor q = split(conv_norm.depthwise(s["dw"], slice(qkv, 3, 0, heads * key), 3));
  Tensor k = split(slice(qkv, 3, heads * key, heads * key)), v = split(slice(qkv, 3, 2 * heads * key, c));
  Tensor bias = distance_bias(s.param("attention_biases", {heads, pixels}, fill(0)), {x.h(), x.w()});
  Tensor y = reshape(biased_attention(q, k, v, attention_scale(q), bias), x.shape());
  return x + conv_norm(s["proj"][1], relu(y), c, 1, 1, 1, 0);
}

Tensor close(Scope s, Tensor x) {  // [n,h,w,c] -> same
  Scope mixer = s["mixer"];
  x = conv_norm.depthwise(mixer["conv"], x, 3) + conv_norm.depthwise(mixer["conv1"], x, 1) + x;
  return squeeze_excite(s["se"], x, {.hidden = round_channels(x.c() / 4.0, 8, 0)});
}

Tensor block(Scope s, Tensor x, int stage, int index) {  // [n,h,w,c] -> same
  Scope ffn = s["ffn"]["m"];
  if (index % 2 == 0)
    x = close(s, x);
  else
    x = stage == 3 ? attend(s["mixer"]["m"], x) : large_small_conv(s["mixer"], x);
  Tensor y = relu(conv_norm(ffn["pw1"], x, 2 * x.c()));
  return s.out(x + conv_norm(ffn["pw2"], y, x.c(), 1, 1, 1, 0));
}

Tensor lsnet(Scope s, Tensor x, const LSNet& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  Scope embed = s["patch_embed"];
  for (int i = 0; i < 3; i++) {
    x = conv_norm(embed[2 * i], x, m.dims[0] >> (2 - i), 3, 2);
    if (i < 2) x = relu(x);
  }
  for (int i = 0; i < 4; i++) {
    Scope blocks = s["blocks" + std::to_string(i + 1)];
    int first = i > 0 ? 2 : 0;
    if (i > 0) x = conv_norm(blocks[1], conv_norm.depthwise(blocks[0], x, 3, 2), m.dims[static_cast<size_t>(i)]);
    for (int j = 0; j < m.depths[static_cast<size_t>(i)]; j++) x = block(blocks[first + j], x, i, j);
  }
  x = global_avg_pool(x);
  Tensor y = norm_linear(s["head"], "l", x, o.classes, o.drop);
  return m.distilled ? (y + norm_linear(s["head_dist"], "l", x, o.classes, o.drop)) * 0.5f : y;
}

constexpr LSNet t = {{64, 128, 256, 384}, {0, 2, 8, 10}}, small = {{96, 192, 320, 448}, {1, 2, 8, 10}},
                base = {{128, 256, 384, 512}, {4, 6, 8, 10}};
LSNet distilled(LSNet m) { return m.distilled = true, m; }
Card card() { return imagenet_card(224, 0.9f); }

const Variant<LSNet> variants[] = {
    {"lsnet_t", t, card()},
    {"lsnet_s", small, card()},
    {"lsnet_b", base, card()},
    {"lsnet_t_distill", distilled(t), card()},
    {"lsnet_s_distill", distilled(small), card()},
    {"lsnet_b_distill", distilled(base), card()},
};

}  // namespace

std::vector<Model> models_of_lsnet() { return models_from<LSNet>("lsnet", variants, lsnet); }

}  // namespace fovea
