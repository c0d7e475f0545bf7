// MobileNet V4 (arXiv:2404.10518): universal inverted bottlenecks; hybrids attend with one head of keys and values. Names
// follow timm.
#include "models/cards.h"
#include "models/mobile.h"

namespace fovea {

namespace {

using namespace mobile;

MobileRow u(int repeat, int first, int window, int stride, double expand, int out) {
  return universal(repeat, first, window, stride, expand, out);
}
MobileRow attend(int heads, int key, int key_stride, int out) {
  return {.block = MobileBlock::attention, .out = out, .heads = heads, .key = key, .key_stride = key_stride};
}
// Attention in front of every row.
MobileStage interleaved(const MobileRow& a, const std::vector<MobileRow>& rows) {
  MobileStage r;
  for (const MobileRow& row : rows) r.insert(r.end(), {a, row});
  return r;
}
MobileStage joined(MobileStage a, const MobileStage& b) { return a.insert(a.end(), b.begin(), b.end()), a; }

MobileNet net(double width, int stem, std::vector<MobileStage> stages) {
  stages.push_back({plain(1, 1, 1, 960)});
  return {.stages = std::move(stages),
          .width = width,
          .stem = stem,
          .fixed_stem = width < 1,
          .head = MobileHead::after_pool_norm};
}

MobileNet small(double width = 1) {
  return net(
      width, 32,
      {{plain(1, 3, 2, 32), plain(1, 1, 1, 32)},
       {plain(1, 3, 2, 96), plain(1, 1, 1, 64)},
       {u(1, 5, 5, 2, 3, 96), u(4, 0, 3, 1, 2, 96), u(1, 3, 0, 1, 4, 96)},
       {u(1, 3, 3, 2, 6, 128), u(1, 5, 5, 1, 4, 128), u(1, 0, 5, 1, 4, 128), u(1, 0, 5, 1, 3, 128), u(2, 0, 3, 1, 4, 128)}});
}

MobileNet medium() {
  return net(
      1, 32,
      {{fused(1, 3, 2, 4, 48)},
       {u(1, 3, 5, 2, 4, 80), u(1, 3, 3, 1, 2, 80)},
       {u(1, 3, 5, 2, 6, 160), u(2, 3, 3, 1, 4, 160), u(1, 3, 5, 1, 4, 160), u(1, 3, 3, 1, 4, 160), u(1, 3, 0, 1, 4, 160),
        u(1, 0, 0, 1, 2, 160), u(1, 3, 0, 1, 4, 160)},
       {u(1, 5, 5, 2, 6, 256), u(1, 5, 5, 1, 4, 256), u(2, 3, 5, 1, 4, 256), u(1, 0, 0, 1, 4, 256), u(1, 3, 0, 1, 4, 256),
        u(1, 3, 5, 1, 2, 256), u(1, 5, 5, 1, 4, 256), u(2, 0, 0, 1, 4, 256), u(1, 5, 0, 1, 2, 256)}});
}

MobileNet large() {
  return net(
      1, 24,
      {{fused(1, 3, 2, 4, 48)},
       {u(1, 3, 5, 2, 4, 96), u(1, 3, 3, 1, 4, 96)},
       {u(1, 3, 5, 2, 4, 192), u(3, 3, 3, 1, 4, 192), u(1, 3, 5, 1, 4, 192), u(5, 5, 3, 1, 4, 192), u(1, 3, 0, 1, 4, 192)},
       {u(4, 5, 5, 2, 4, 512), u(1, 5, 0, 1, 4, 512), u(1, 5, 3, 1, 4, 512), u(2, 5, 0, 1, 4, 512), u(1, 5, 3, 1, 4, 512),
        u(1, 5, 5, 1, 4, 512), u(3, 5, 0, 1, 4, 512)}});
}

MobileNet hybrid(MobileNet m) { return m.layer_scale = 1e-5f, m; }

MobileNet hybrid_medium(double width = 1) {
  MobileRow a = attend(4, 64, 2, 160), b = attend(4, 64, 1, 256);
  MobileRow dw = u(1, 3, 3, 1, 4, 160), next = u(1, 3, 0, 1, 4, 160), wide = u(1, 5, 0, 1, 4, 256);
  return hybrid(net(width, 32,
                    {{fused(1, 3, 2, 4, 48)},
                     {u(1, 3, 5, 2, 4, 80), u(1, 3, 3, 1, 2, 80)},
                     joined({u(1, 3, 5, 2, 6, 160), u(1, 0, 0, 1, 2, 160), dw, u(1, 3, 5, 1, 4, 160)},
                            interleaved(a, {dw, next, dw, next})),
                     joined({u(1, 5, 5, 2, 6, 256), u(1, 5, 5, 1, 4, 256), u(2, 3, 5, 1, 4, 256), u(1, 0, 0, 1, 2, 256),
                             u(1, 3, 5, 1, 2, 256), u(1, 0, 0, 1, 2, 256), u(1, 0, 0, 1, 4, 256)},
                            interleaved(b, {u(1, 3, 0, 1, 4, 256), u(1, 5, 5, 1, 4, 256), wide, wide}))}));
}

MobileNet hybrid_large(double width = 1) {
  MobileRow a = attend(8, 48, 2, 192), b = attend(8, 64, 1, 512);
  MobileRow dw = u(1, 5, 3, 1, 4, 192), next = u(1, 5, 0, 1, 4, 512);
  MobileNet m = net(width, 24,
                    {{fused(1, 3, 2, 4, 48)},
                     {u(1, 3, 5, 2, 4, 96), u(1, 3, 3, 1, 4, 96)},
                     joined({u(1, 3, 5, 2, 4, 192), u(3, 3, 3, 1, 4, 192), u(1, 3, 5, 1, 4, 192), u(2, 5, 3, 1, 4, 192)},
                            interleaved(a, {dw, dw, dw, u(1, 3, 0, 1, 4, 192)})),
                     joined({u(4, 5, 5, 2, 4, 512), u(1, 5, 0, 1, 4, 512), u(1, 5, 3, 1, 4, 512), u(2, 5, 0, 1, 4, 512),
                             u(1, 5, 3, 1, 4, 512), u(1, 5, 5, 1, 4, 512)},
                            interleaved(b, {next, next, next, next}))});
  return m.act = Act::gelu, hybrid(m);
}

MobileNet averaged(MobileNet m) { return m.halving = Halving::average, m; }
MobileNet blurred(MobileNet m) { return m.halving = Halving::blur, m; }
Card crop95(int size) { return imagenet_card(size, 0.95f); }

const Variant<MobileNet> variants[] = {
    {"mobilenetv4_conv_small", small(), imagenet_card()},
    {"mobilenetv4_conv_small_035", small(0.35), half_card()},
    {"mobilenetv4_conv_small_050", small(0.5), half_card()},
    {"mobilenetv4_conv_medium", medium(), crop95(256)},
    {"mobilenetv4_conv_large", large(), crop95(384)},
    {"mobilenetv4_hybrid_medium", hybrid_medium(), crop95(256)},
    {"mobilenetv4_hybrid_medium_075", hybrid_medium(0.75), crop95(224)},
    {"mobilenetv4_hybrid_large", hybrid_large(), crop95(384)},
    {"mobilenetv4_hybrid_large_075", hybrid_large(0.75), crop95(256)},
    {"mobilenetv4_conv_aa_medium", averaged(medium()), crop95(256)},
    {"mobilenetv4_conv_blur_medium", blurred(medium()), crop95(224)},
    {"mobilenetv4_conv_aa_large", averaged(large()), crop95(448)},
};

}  // namespace

std::vector<Model> models_of_mobilenetv4() { return mobile_models("mobilenetv4", variants); }

}  // namespace fovea
