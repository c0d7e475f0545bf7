// EfficientFormer V2 (arXiv:2212.08059): attention on half of the resolution, among heads that talk to each other. Names
// follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/conv_norm.h"
#include "nn/resize.h"
#include "nn/transformer.h"
#include "nn/windows.h"
#include "ops/biased_attention.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/softmax.h"

namespace fovea {

namespace {

struct EfficientFormerV2 {
  std::array<int, 4> depths, dims;
  int attentive;  // blocks at the end of the last two stages that have attention
  std::array<int, 2> narrow_from,
      narrow;  // of these stages: from which block on how many have MLPs three times as wide, not four
};
constexpr ConvNorm conv_norm{.bias = true};
constexpr int kHeads = 8;

Tensor heads_of(Tensor x) { return reshape(x, {x.n(), x.h() * x.w(), kHeads, x.c() / kHeads}); }
Tensor heads_first(Tensor x) { return transpose(x, {0, 2, 1, 3}); }

Tensor biases(Scope s, Tensor x, int stride = 1) {
  Tensor table = s.param("attention_biases", {kHeads, x.h() * x.w()}, fill(0));
  return distance_bias(table, {x.h(), x.w()}, stride);
}

// Mixes the heads of scores [n,h,q,k].
Tensor talk(Scope s, Tensor scores) {
  Tensor y = conv(s, transpose(scores, {0, 2, 3, 1}), kHeads, 1, {.bias = true, .init = truncated_normal});
  return transpose(y, {0, 3, 1, 2});
}

Tensor attend(Scope s, Tensor x, bool halved) {  // [n,h,w,c] -> same
  constexpr int kKeys = 32, kValues = 128;
  Tensor y = halved ? conv_norm.depthwise(s["stride_conv"], x, 3, 2) : x;
  Tensor q = heads_of(conv_norm(s["q"], y, kKeys * kHeads)), k = heads_of(conv_norm(s["k"], y, kKeys * kHeads));
  Tensor v = conv_norm(s["v"], y, kValues * kHeads), local = conv_norm.depthwise(s["v_local"], v, 3);
  Tensor scores = matmul(heads_first(q * attention_scale(q)), heads_first(k), {.tb = true}) + biases(s, y);
  scores = talk(s["talking_head2"], softmax(talk(s["talking_head1"], scores)));
  y = reshape(heads_first(matmul(scores, heads_first(heads_of(v)))), v.shape()) + local;
  if (halved) y = resize_bilinear(y, 2 * y.h(), 2 * y.w());
  return conv_norm(s["proj"], gelu(y), x.c());
}

Tensor attend_down(Scope s, Tensor x, int out) {  // [n,h,w,c] -> [n,h/2,w/2,out]
  constexpr int kKeys = 16, kValues = 64;
  int c = x.c();
  Tensor local_q = conv(s["q"]["local"], x, c, 3, {.stride = 2, .groups = c, .bias = true, .init = truncated_normal});
  Tensor picked = slice(x, {{0, 0, 0, 0}, local_q.shape(), {1, 2, 2, 1}});
  Tensor q = heads_of(conv_norm(s["q"]["proj"], local_q + picked, kKeys * kHeads));
  Tensor k = heads_of(conv_norm(s["k"], x, kKeys * kHeads)), v = conv_norm(s["v"], x, kValues * kHeads);
  Tensor local = conv_norm.depthwise(s["v_local"], v, 3, 2);
  Tensor y = biased_attention(q, k, heads_of(v), attention_scale(q), biases(s, x, 2));
  return conv_norm(s["proj"], gelu(reshape(y, local.shape()) + local), out);
}

Tensor feed_forward(Scope s, Tensor x, int hidden) {
  Tensor y = gelu(conv_norm(s["fc1"], x, hidden));
  return conv_norm(s["fc2"], gelu(conv_norm.depthwise(s["mid"], y, 3)), x.c());
}

Tensor block(Scope s, Tensor x, int expand, bool attentive, bool halved, float drop) {  // [n,h,w,c] -> same
  auto scaled = [&](const char* scale, Tensor y) {
    return drop_path(s[scale], layer_scale(s[scale], y, "gamma", 1e-5f), drop);
  };
  if (attentive) x = x + scaled("ls1", attend(s["token_mixer"], x, halved));
  return s.out(x + scaled("ls2", feed_forward(s["mlp"], x, expand * x.c())));
}

Tensor efficientformer(Scope s, Tensor x, const EfficientFormerV2& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = gelu(conv_norm(s["stem"]["conv1"], x, m.dims[0] / 2, 3, 2));
  x = gelu(conv_norm(s["stem"]["conv2"], x, m.dims[0], 3, 2));
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 4; i++) {
    Scope stage = s["stages"][static_cast<int>(i)], down = stage["downsample"];
    if (i > 0) {
      Tensor y = conv_norm(down["conv"], x, m.dims[i], 3, 2);
      x = i == 3 ? attend_down(down["attn"], x, m.dims[i]) + y : y;
    }
    for (int j = 0; j < m.depths[i]; j++) {
      bool late = i >= 2, narrow = late && j >= m.narrow_from[i - 2] && j < m.narrow_from[i - 2] + m.narrow[i - 2];
      x = block(stage["blocks"][j], x, narrow ? 3 : 4, late && j >= m.depths[i] - m.attentive, i == 2, drop.next());
    }
  }
  x = dropout(s, global_avg_pool(batch_norm(s["norm"], x)), o.drop);
  auto head = [&](const char* name) { return linear(s[name], x, o.classes, {.init = truncated_normal}); };
  return (head("head") + head("head_dist")) * 0.5f;
}

const Variant<EfficientFormerV2> variants[] = {
    {"efficientformerv2_s0", {{2, 2, 6, 4}, {32, 48, 96, 176}, 2, {1, 1}, {3, 2}}, imagenet_card(224, 0.95f)},
    {"efficientformerv2_s1", {{3, 3, 9, 6}, {32, 48, 120, 224}, 2, {2, 2}, {4, 2}}, imagenet_card(224, 0.95f)},
    {"efficientformerv2_s2", {{4, 4, 12, 8}, {32, 64, 144, 288}, 4, {2, 2}, {6, 4}}, imagenet_card(224, 0.95f)},
    {"efficientformerv2_l", {{5, 5, 15, 10}, {40, 80, 192, 384}, 6, {4, 3}, {7, 4}}, imagenet_card(224, 0.95f)},
};

}  // namespace

std::vector<Model> models_of_efficientformer_v2() {
  return models_from<EfficientFormerV2>("efficientformer_v2", variants, efficientformer);
}

}  // namespace fovea
