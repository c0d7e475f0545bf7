// EfficientViT of MIT (arXiv:2205.14756): linear attention over several scales between mobile convolutions. Names follow
// timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct EfficientViT {
  std::array<int, 5> widths, depths;  // of the stem and the stages
  int head_dim;
  std::array<int, 2> head_widths;
  bool large = false;  // dense convolutions in early stages, tanh GELU
  Act act() const { return large ? Act::gelu_tanh : Act::hard_swish; }
  float eps() const { return large ? 1e-7f : 1e-5f; }
};

struct Layer {
  int out, window = 1, stride = 1, groups = 1;
  bool norm = true, active = false;  // without a norm it has a bias
};
Tensor layer(Scope s, Tensor x, const EfficientViT& m, const Layer& a) {
  x = conv(s["conv"], x, a.out, a.window, {.stride = a.stride, .groups = a.groups, .bias = !a.norm});
  if (a.norm) x = batch_norm(s["norm"], x, m.eps());
  return a.active ? activation(x, m.act()) : x;
}

// 1x1 expansion, depthwise, 1x1. fewer: only the last has a norm.
Tensor inverted(Scope s, Tensor x, const EfficientViT& m, int out, int expand, int stride, bool fewer) {
  int hidden = expand * x.c();
  x = layer(s["inverted_conv"], x, m, {.out = hidden, .norm = !fewer, .active = true});
  x = layer(s["depth_conv"], x, m, {hidden, 3, stride, hidden, !fewer, true});
  return layer(s["point_conv"], x, m, {out});
}
Tensor fused(Scope s, Tensor x, const EfficientViT& m, int out, int expand, int stride) {
  x = layer(s["spatial_conv"], x, m, {.out = expand * x.c(), .window = 3, .stride = stride, .active = true});
  return layer(s["point_conv"], x, m, {out});
}

// x [n,h,t,d]; the softmax's place is taken by ReLU, so keys meet values first.
Tensor linear_attention(Tensor q, Tensor k, Tensor v) {
  q = relu(q), k = relu(k);
  Tensor sum = reduce_sum(q * reduce_sum(k, {2}), {3});
  return matmul(q, matmul(k, v, {.ta = true})) / (sum + 1e-5f);
}

Tensor context(Scope s, Tensor x, const EfficientViT& m) {  // [n,h,w,c] -> same
  int c = x.c(), n = x.n(), heads = 2 * c / m.head_dim;
  Tensor qkv = conv(s["qkv"]["conv"], x, 3 * c, 1);
  Scope wide = s["aggreg"][0];
  Tensor far = conv(wide[1], conv(wide[0], qkv, 3 * c, 5, {.groups = 3 * c}), 3 * c, 1, {.groups = 3 * c / m.head_dim});
  Tensor both[] = {qkv, far};
  Tensor y = reshape(concat(both, 3), {n, -1, heads, 3 * m.head_dim});
  y = transpose(y, {0, 2, 1, 3});  // [n,heads,t,3d]
  auto part = [&](int i) { return slice(y, 3, i * m.head_dim, m.head_dim); };
  y = transpose(linear_attention(part(0), part(1), part(2)), {0, 2, 1, 3});
  return layer(s["proj"], reshape(y, {n, x.h(), x.w(), 2 * c}), m, {c});
}

Tensor attentive_block(Scope s, Tensor x, const EfficientViT& m, float drop) {  // [n,h,w,c] -> same
  Scope near = s["local_module"], far = s["context_module"];
  x = x + drop_path(far, context(far["main"], x, m), drop);
  return s.out(x + drop_path(near, inverted(near["main"], x, m, x.c(), m.large ? 6 : 4, 1, true), drop));
}

Tensor stem(Scope s, Tensor x, const EfficientViT& m) {  // [n,h,w,3] -> [n,h/2,w/2,c]
  int c = m.widths[0];
  x = layer(s["in_conv"], x, m, {.out = c, .window = 3, .stride = 2, .active = true});
  for (int i = 0; i < m.depths[0]; i++) {
    Scope at = s["res" + std::to_string(i)]["main"];
    Tensor y = layer(at[m.large ? "conv1" : "depth_conv"], x, m, {c, 3, 1, m.large ? 1 : c, true, true});
    x = x + layer(at[m.large ? "conv2" : "point_conv"], y, m, {.out = c, .window = m.large ? 3 : 1});
  }
  return x;
}

// The first block of a stage, which halves the map, or a residual one.
Tensor local_block(Scope s, Tensor x, const EfficientViT& m, size_t stage, bool first) {
  int out = m.widths[stage], stride = first ? 2 : 1;
  if (!m.large) return inverted(s, x, m, out, 4, stride, stage >= 3);
  int expand = !first ? 4 : stage == 4 ? 24 : 16;
  return stage >= 3 ? inverted(s, x, m, out, expand, stride, true) : fused(s, x, m, out, expand, stride);
}

Tensor efficientvit(Scope s, Tensor x, const EfficientViT& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = stem(s["stem"], x, m);
  DropRamp drop(o.drop_path, std::span(m.depths).subspan(1));
  for (size_t i = 1; i < 5; i++) {
    Scope blocks = s["stages"][static_cast<int>(i) - 1]["blocks"];
    x = blocks[0].out(local_block(blocks[0]["main"], x, m, i, true));
    bool attentive = m.large ? i == 4 : i >= 3;
    int count = m.depths[i] + (m.large || attentive ? 1 : 0);
    for (int j = 1; j < count; j++) {
      Scope at = blocks[j];
      float rate = drop.next();
      x = attentive ? attentive_block(at, x, m, rate)
                    : at.out(x + drop_path(at, local_block(at["main"], x, m, i, false), rate));
    }
  }
  Scope head = s["head"], classifier = head["classifier"];
  x = global_avg_pool(layer(head["in_conv"], x, m, {.out = m.head_widths[0], .active = true}));
  x = layer_norm(classifier[1], linear(classifier[0], x, m.head_widths[1], {.bias = false}), m.eps());
  return linear(classifier[4], dropout(classifier, activation(x, m.act()), o.drop), o.classes);
}

using Five = std::array<int, 5>;
constexpr Five k32 = {32, 64, 128, 256, 512};
Card card(float crop) { return imagenet_card(224, crop); }

const Variant<EfficientViT> variants[] = {
    {"efficientvit_b0", {{8, 16, 32, 64, 128}, {1, 2, 2, 2, 2}, 16, {1024, 1280}}, card(0.95f)},
    {"efficientvit_b1", {{16, 32, 64, 128, 256}, {1, 2, 3, 3, 4}, 16, {1536, 1600}}, card(0.95f)},
    {"efficientvit_b2", {{24, 48, 96, 192, 384}, {1, 3, 4, 4, 6}, 32, {2304, 2560}}, card(0.95f)},
    {"efficientvit_b3", {k32, {1, 4, 6, 6, 9}, 32, {2304, 2560}}, card(0.95f)},
    {"efficientvit_l1", {k32, {1, 1, 1, 6, 6}, 32, {3072, 3200}, true}, card(1)},
    {"efficientvit_l2", {k32, {1, 2, 2, 8, 8}, 32, {3072, 3200}, true}, card(1)},
    {"efficientvit_l3", {{64, 128, 256, 512, 1024}, {1, 2, 2, 8, 8}, 32, {6144, 6400}, true}, card(1)},
};

}  // namespace

std::vector<Model> models_of_efficientvit_mit() {
  return models_from<EfficientViT>("efficientvit_mit", variants, efficientvit);
}

}  // namespace fovea
