// ViTamin (arXiv:2404.02132): two stages of inverted bottlenecks in front of a Vision Transformer. Names follow timm.
#include <array>

#include "models/vit.h"
#include "ops/pointwise.h"
#include "ops/pool.h"

namespace fovea {

namespace {

struct ViTamin {
  std::array<int, 2> widths;
  ViT vit;
};
constexpr std::array<int, 2> kDepths = {2, 4};

Tensor conv(Scope s, Tensor x, int out, int window, int stride = 1, int groups = 1) {
  return fovea::conv(s, x, out, window, {.stride = stride, .groups = groups, .bias = true, .init = group_fan_out_normal});
}

Tensor block(Scope s, Tensor x, int out, int stride) {  // [n,h,w,c] -> [n,h/stride,w/stride,out]
  Tensor shortcut = x;
  if (stride == 2) shortcut = s["shortcut"].own([&] { return avg_pool(x, 3, 2, 1, false); });
  if (shortcut.c() != out) shortcut = conv(stride == 2 ? s["shortcut"]["expand"] : s["shortcut"], shortcut, out, 1);
  Tensor y = gelu(conv(s["conv1_1x1"], layer_norm(s["pre_norm"], x), 4 * out, 1));
  y = gelu(conv(s["conv2_kxk"], y, 4 * out, 3, stride, 4 * out));
  return s.out(conv(s["conv3_1x1"], y, out, 1) + shortcut);
}

Tensor patches(Scope s, Tensor x, const ViTamin& m) {  // [n,h,w,3] -> [n,h/16,w/16,dim]
  Scope stem = s["stem"];
  x = gelu(layer_norm(stem["norm1"], conv(stem["conv1"], x, m.widths[0], 3, 2)));
  x = conv(stem["conv2"], x, m.widths[0], 3);
  for (int stage = 0; stage < 2; stage++) {
    auto at = static_cast<size_t>(stage);
    for (int i = 0; i < kDepths[at]; i++) x = block(s["stages"][stage][i], x, m.widths[at], i == 0 ? 2 : 1);
  }
  return conv(s["pool"]["proj"], layer_norm(s["pool"]["norm"], x), m.vit.dim, 3, 2);
}

Tensor vitamin(Scope s, Tensor x, const ViTamin& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = patches(s["patch_embed"]["backbone"], x, m);
  return vit_body(s, vit_embed(s, x, m.vit), {x.h(), x.w()}, m.vit, {o.classes, o.drop, o.drop_path});
}

ViT body(int dim, int depth, int heads) {
  ViT m = vits::average({16, dim, depth, heads, 2});
  return m.class_token = false, m.mlp = MlpForm::normed, m;
}
ViT no_position(ViT m) { return m.position = false, m; }
const ViTamin kSmall{{64, 128}, body(384, 14, 6)}, kBase{{128, 256}, body(768, 14, 12)},
    kLarge{{160, 320}, body(1024, 31, 16)}, kXlarge{{192, 384}, no_position(body(1152, 32, 16))};

const Variant<ViTamin> variants[] = {
    {"vitamin_small_224", kSmall, clip_card(224, 0.9f)},  {"vitamin_base_224", kBase, clip_card(224, 0.9f)},
    {"vitamin_large_224", kLarge, clip_card(224, 0.9f)},  {"vitamin_large_256", kLarge, clip_card(256, 1)},
    {"vitamin_large_336", kLarge, clip_card(336, 1)},     {"vitamin_large_384", kLarge, clip_card(384, 1)},
    {"vitamin_large2_224", kLarge, clip_card(224, 0.9f)}, {"vitamin_large2_256", kLarge, clip_card(256, 1)},
    {"vitamin_large2_336", kLarge, clip_card(336, 1)},    {"vitamin_large2_384", kLarge, clip_card(384, 1)},
    {"vitamin_xlarge_256", kXlarge, clip_card(256, 1)},   {"vitamin_xlarge_336", kXlarge, clip_card(336, 1)},
    {"vitamin_xlarge_384", kXlarge, clip_card(384, 1)},
};

}  // namespace

std::vector<Model> models_of_vitamin() { return models_from<ViTamin>("vitamin", variants, vitamin); }

}  // namespace fovea
