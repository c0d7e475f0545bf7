// Vision Transformers whose patches are the map of a convolutional network (arXiv:2010.11929; MobileCLIP, arXiv:2311.17049).
// Names follow timm.
#include <algorithm>
#include <array>
#include <vector>

#include "models/resnet.h"
#include "models/vit.h"
#include "nn/std_conv.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"

namespace fovea {

namespace {

enum class Backbone : uint8_t {
  stem,  // the first layers of `big`
  big,   // Big Transfer's residual network, its norms behind convolutions, TensorFlow's padding
  resnet,
  patches  // convolutions without overlap
};
struct Hybrid {
  Backbone backbone;
  ViT vit;  // its patches are pixels of the map
  std::vector<int> depths = {};
};

Tensor conv(Scope s, Tensor x, int out, int window, int stride = 1) {
  return std_conv(s, x, out, window, {.stride = stride, .pad = Padding::same, .eps = 1e-8f});
}

Tensor stem(Scope s, Tensor x) {  // [n,h,w,3] -> [n,h/4,w/4,64]
  x = relu(group_norm(s["norm"], conv(s["conv"], x, 64, 7, 2)));
  return max_pool(x, 3, 2, padding(Padding::same, x.shape(), 3, 2));
}

Tensor bottleneck(Scope s, Tensor x, int out, int stride, bool first) {
  Tensor y = relu(group_norm(s["norm1"], conv(s["conv1"], x, out / 4, 1)));
  y = relu(group_norm(s["norm2"], conv(s["conv2"], y, out / 4, 3, stride)));
  y = group_norm(s["norm3"], conv(s["conv3"], y, out, 1));
  Scope down = s["downsample"];
  Tensor shortcut = first ? group_norm(down["norm"], conv(down["conv"], x, out, 1, stride)) : x;
  return s.out(relu(y + shortcut));
}

Tensor big(Scope s, Tensor x, const std::vector<int>& depths) {
  x = stem(s["stem"], x);
  for (size_t stage = 0; stage < depths.size(); stage++)
    for (int i = 0; i < depths[stage]; i++) {
      Scope at = s["stages"][static_cast<int>(stage)]["blocks"][i];
      x = bottleneck(at, x, 256 << stage, stage > 0 && i == 0 ? 2 : 1, i == 0);
    }
  return x;
}

Tensor patches(Scope s, Tensor x, int dim) {  // [n,h,w,3] -> [n,h/16,w/16,dim]
  auto cut = [&](Scope at, int out, int side, bool last) {
    return fovea::conv(at["conv"], x, out, side, {.stride = side, .pad = Padding::none, .bias = last});
  };
  for (int i = 0; i < 2; i++) x = gelu(batch_norm(s[i]["bn"], cut(s[i], dim / 4, i == 0 ? 4 : 2, false)));
  return cut(s[2], dim, 2, true);
}

Tensor features(Scope s, Tensor x, const Hybrid& m) {
  switch (m.backbone) {
    case Backbone::stem: return stem(s, x);
    case Backbone::big: return big(s, x, m.depths);
    case Backbone::patches: return patches(s, x, m.vit.dim);
    case Backbone::resnet: break;
  }
  std::array<int, 4> depths = {0, 0, 0, 0};
  std::copy(m.depths.begin(), m.depths.end(), depths.begin());
  return resnets::resnet_map(s, x, resnets::deep(resnets::bottleneck(depths)), 0, {}, m.depths.size());
}

Tensor hybrid(Scope s, Tensor x, const Hybrid& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  Scope at = s["patch_embed"];
  x = features(at["backbone"], x, m);
  if (m.backbone != Backbone::patches) {
    ConvOptions cut{.stride = m.vit.patch, .pad = Padding::none, .bias = true};
    x = fovea::conv(at["proj"], x, m.vit.dim, m.vit.patch, cut);
  }
  return vit_body(s, vit_embed(s, x, m.vit), {x.h(), x.w()}, m.vit, {o.classes, o.drop, o.drop_path});
}

using namespace vits;
constexpr auto kStem = Backbone::stem, kBig = Backbone::big, kResNet = Backbone::resnet;
const std::vector<int> k26 = {2, 2, 2, 2}, k50 = {3, 4, 6, 3};
ViT small8() { return {1, 768, 8, 8, 3}; }
Card card(int size = 224) { return half_card(size, size == 224 ? 0.9f : 1); }
Card plain() { return imagenet_card(224, 0.9f); }

const Variant<Hybrid> variants[] = {
    {"vit_tiny_r_s16_p8_224", {kStem, tiny(8)}, card()},
    {"vit_tiny_r_s16_p8_384", {kStem, tiny(8)}, card(384)},
    {"vit_small_r26_s32_224", {kBig, small(1), k26}, card()},
    {"vit_small_r26_s32_384", {kBig, small(1), k26}, card(384)},
    {"vit_base_r26_s32_224", {kBig, base(1), k26}, card()},
    {"vit_base_r50_s16_224", {kBig, base(1), {3, 4, 9}}, card()},
    {"vit_base_r50_s16_384", {kBig, base(1), {3, 4, 9}}, card(384)},
    {"vit_large_r50_s32_224", {kBig, large(1), k50}, card()},
    {"vit_large_r50_s32_384", {kBig, large(1), k50}, card(384)},
    {"vit_small_resnet26d_224", {kResNet, small8(), k26}, plain()},
    {"vit_small_resnet50d_s16_224", {kResNet, small8(), {3, 4, 6}}, plain()},
    {"vit_base_resnet26d_224", {kResNet, base(1), k26}, plain()},
    {"vit_base_resnet50d_224", {kResNet, base(1), k50}, plain()},
    {"vit_base_mci_224", {Backbone::patches, vits::bare(base())}, unit_card(224, 0.9f, "bicubic")},
};

}  // namespace

std::vector<Model> models_of_vit_hybrid() { return models_from<Hybrid>("vit_hybrid", variants, hybrid); }

}  // namespace fovea
