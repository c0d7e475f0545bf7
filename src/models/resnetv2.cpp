// Residual networks with norm and activation in front of the convolutions (arXiv:1603.05027), Big Transfer's with
// standardized weights (arXiv:1912.11370) among them. Names follow timm.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/blur.h"
#include "nn/evo_norm.h"
#include "nn/std_conv.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

enum class Stem : uint8_t { plain, deep, tiered };  // one 7x7 convolution; three 3x3; three of growing width
enum class Norm : uint8_t { batch, group, evolved, response };

struct ResNetV2 {
  std::array<int, 4> depths, widths = {256, 512, 1024, 2048};
  int factor = 1;      // of all widths
  bool basic = false;  // blocks of two 3x3 convolutions
  Stem stem = Stem::plain;
  bool average = false;  // shortcuts halve the map by averaging
  Norm norm = Norm::batch;
  bool standardized = false;  // weights; and the stem's pooling sees a border of zeros
};

Tensor conv(Scope s, Tensor x, int out, int window, int stride, const ResNetV2& m) {
  if (m.standardized) return std_conv(s, x, out, window, {.stride = stride, .eps = 1e-8f});
  return conv(s, x, out, window, {.stride = stride, .init = fan_out_normal});
}

Tensor norm_act(Scope s, Tensor x, const ResNetV2& m) {
  switch (m.norm) {
    case Norm::batch: return relu(batch_norm(s, x));
    case Norm::group: return relu(group_norm(s, x));
    case Norm::evolved: return evo_norm(s, x, {.groups = 32});
    case Norm::response: return filter_response_norm(s, x);
  }
  return x;
}

Tensor stem(Scope s, Tensor x, const ResNetV2& m) {  // [n,h,w,3] -> [n,h/4,w/4,64]
  int width = 64 * m.factor;
  if (m.stem == Stem::plain) {
    x = s["conv"].feature(conv(s["conv"], x, width, 7, 2, m));
  } else {
    x = norm_act(s["norm1"], conv(s["conv1"], x, m.stem == Stem::tiered ? 3 * width / 8 : width / 2, 3, 2, m), m);
    x = norm_act(s["norm2"], conv(s["conv2"], x, width / 2, 3, 1, m), m);
    x = s["conv3"].feature(conv(s["conv3"], x, width, 3, 1, m));
  }
  return m.standardized ? max_pool(pad(x, {0, 1, 1, 0}, {0, 1, 1, 0}), 3, 2) : max_pool(x, 3, 2, 1);
}

Tensor block(Scope s, Tensor x, int out, int stride, bool first, const ResNetV2& m, float drop) {
  Tensor y = norm_act(s["norm1"], x, m), shortcut = x;
  if (first && !(m.basic && stride == 1 && x.c() == out)) {
    Tensor pooled = m.average && stride == 2 ? s["downsample"].own([&] { return mean_pool(y); }) : y;
    shortcut = conv(s["downsample"]["conv"], pooled, out, 1, m.average ? 1 : stride, m);
  }
  if (m.basic) {
    y = norm_act(s["norm2"], conv(s["conv1"], y, out, 3, stride, m), m);
    y = conv(s["conv2"], y, out, 3, 1, m);
  } else {
    y = norm_act(s["norm2"], conv(s["conv1"], y, out / 4, 1, 1, m), m);
    y = norm_act(s["norm3"], conv(s["conv2"], y, out / 4, 3, stride, m), m);
    y = conv(s["conv3"], y, out, 1, 1, m);
  }
  return s.out(drop_path(s, y, drop) + shortcut);
}

Tensor resnetv2(Scope s, Tensor x, const ResNetV2& m, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  x = stem(s["stem"], x, m);
  DropRamp drop(o.drop_path, m.depths);
  for (int stage = 0; stage < 4; stage++)
    for (int i = 0; i < m.depths[static_cast<size_t>(stage)]; i++) {
      int out = m.widths[static_cast<size_t>(stage)] * m.factor, stride = stage > 0 && i == 0 ? 2 : 1;
      x = block(s["stages"][stage]["blocks"][i], x, out, stride, i == 0, m, drop.next());
    }
  x = reduce_mean(norm_act(s["norm"], x, m), {1, 2});  // [n,1,1,c]
  x = conv(s["head"]["fc"], dropout(s["head"], x, o.drop), o.classes, 1, {.bias = true});
  return reshape(x, {x.n(), o.classes});
}

constexpr std::array<int, 4> k50 = {3, 4, 6, 3}, k101 = {3, 4, 23, 3}, k152 = {3, 8, 36, 3};
ResNetV2 basic(const std::array<int, 4>& depths) { return {.depths = depths, .widths = {64, 128, 256, 512}, .basic = true}; }
ResNetV2 d(ResNetV2 m, Norm norm = Norm::batch) { return m.stem = Stem::deep, m.average = true, m.norm = norm, m; }
ResNetV2 t(ResNetV2 m) { return m = d(m), m.stem = Stem::tiered, m; }
ResNetV2 bit(const std::array<int, 4>& depths, int factor) {
  return {.depths = depths, .factor = factor, .norm = Norm::group, .standardized = true};
}

Card card(float crop = 0.875f) { return half_card(224, crop); }
Card large(int size = 448) { return half_card(size, 1, "bilinear"); }

const Variant<ResNetV2> variants[] = {
    {"resnetv2_18", basic({2, 2, 2, 2}), card(0.9f)},
    {"resnetv2_18d", d(basic({2, 2, 2, 2})), card(0.9f)},
    {"resnetv2_34", basic(k50), card(0.9f)},
    {"resnetv2_34d", d(basic(k50)), card(0.9f)},
    {"resnetv2_50", {k50}, card(0.95f)},
    {"resnetv2_50d", d({k50}), card()},
    {"resnetv2_50t", t({k50}), card()},
    {"resnetv2_50d_gn", d({k50}, Norm::group), card(0.95f)},
    {"resnetv2_50d_evos", d({k50}, Norm::evolved), card(0.95f)},
    {"resnetv2_50d_frn", d({k50}, Norm::response), card()},
    {"resnetv2_101", {k101}, card(0.95f)},
    {"resnetv2_101d", d({k101}), card()},
    {"resnetv2_152", {k152}, card()},
    {"resnetv2_152d", d({k152}), card()},
    {"resnetv2_50x1_bit", bit(k50, 1), card()},
    {"resnetv2_50x3_bit", bit(k50, 3), large()},
    {"resnetv2_101x1_bit", bit(k101, 1), large()},
    {"resnetv2_101x3_bit", bit(k101, 3), large()},
    {"resnetv2_152x2_bit", bit(k152, 2), card()},
    {"resnetv2_152x4_bit", bit(k152, 4), large(480)},
};

}  // namespace

std::vector<Model> models_of_resnetv2() { return models_from<ResNetV2>("resnetv2", variants, resnetv2); }

}  // namespace fovea
