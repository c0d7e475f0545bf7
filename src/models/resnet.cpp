// Residual networks: ResNet (arXiv:1512.03385), Wide ResNet (arXiv:1605.07146), ResNeXt (arXiv:1611.05431), SENet
// (arXiv:1709.01507), ECA-Net (arXiv:1910.03151), bag of tricks c, d, s, t (arXiv:1812.01187), anti-aliased variants
// (arXiv:1904.11486), ResNet-RS (arXiv:2103.07579). Names follow timm, and with it torchvision.
#include "models/resnet.h"
#include "models/cards.h"
#include "models/registry.h"
#include "nn/blur.h"
#include "nn/channel_attention.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

using namespace resnets;

Tensor conv(Scope s, Tensor x, int out, int window, int stride = 1, int groups = 1) {
  return conv(s, x, out, window, {.stride = stride, .groups = groups, .init = fan_out_normal});
}
Tensor norm(Scope s, Tensor x, const ResNet& m, float gamma = 1) {
  return m.group_norm ? group_norm(s, x) : batch_norm(s, x, 1e-5f, gamma);
}

Tensor halve(Tensor x, AntiAlias a) { return a == AntiAlias::blur ? blur_pool(x, Edge::reflect) : avg_pool(x, 2, 2); }
// A 3x3 convolution, normalised and activated, that halves the map for stride 2 in the variant's way.
Tensor conv3x3(Scope s, const std::string& i, Tensor x, int out, int stride, const ResNet& m, int groups = 1) {
  bool soft = stride == 2 && m.anti_alias != AntiAlias::none;
  x = relu(norm(s["bn" + i], conv(s["conv" + i], x, out, 3, soft ? 1 : stride, groups), m));
  return soft ? halve(x, m.anti_alias) : x;
}

Tensor gated(Scope s, Tensor x, int channels, const ResNet& m) {
  if (m.gate == Gate::none) return x;
  if (m.gate == Gate::channel) return efficient_channel_attention(s, x, channels);
  return squeeze_excite(s, x, {.hidden = round_channels(x.c() * m.squeeze_ratio, 8, 0)});
}

Tensor shortcut(Scope s, Tensor x, int out, int stride, const ResNet& m) {
  if (stride == 1 && x.c() == out) return x;
  if (!m.average_shortcut) {
    Tensor y = conv(s[0], x, out, stride == 1 ? 1 : m.shortcut_window, stride);
    return norm(s[1], y, m);
  }
  if (stride == 2) x = s[0].own([&] { return mean_pool(x); });
  return norm(s[2], conv(s[1], x, out, 1), m);
}

// [n,h,w,c] -> [n,h/stride,w/stride,out]. The last scale starts at zero.
Tensor residual(Scope s, Tensor y, Kind kind, const Widths& width, int stride, const ResNet& m) {
  if (kind == Kind::basic) {
    y = conv3x3(s, "1", y, width.first, stride, m);
    y = norm(s["bn2"], conv(s["conv2"], y, width.out, 3), m, 0);
  } else {
    y = relu(norm(s["bn1"], conv(s["conv1"], y, width.first, 1), m));
    y = conv3x3(s, "2", y, width.second, stride, m, m.groups);
    y = norm(s["bn3"], conv(s["conv3"], y, width.out, 1), m, 0);
  }
  return gated(s["se"], y, width.full, m);
}

Tensor stem(Scope s, Tensor x, const ResNet& m) {  // [n,h,w,3] -> [n,h/4,w/4,64]
  Scope c = s["conv1"];
  int width = m.stem_width, first = m.stem == Stem::tiered ? 3 * (width / 4) : width;
  if (m.stem == Stem::plain) {
    x = conv(c, x, 64, 7, 2);
  } else {
    x = relu(norm(c[1], conv(c[0], x, first, 3, 2), m));
    x = relu(norm(c[4], conv(c[3], x, width, 3), m));
    x = conv(c[6], x, 2 * width, 3);
  }
  x = s["act1"].feature(relu(norm(s["bn1"], x, m)));
  if (m.stem_conv_pool) return relu(norm(s["maxpool"][1], conv(s["maxpool"][0], x, x.c(), 3, 2), m));
  if (m.anti_alias == AntiAlias::average) return halve(x, m.anti_alias);
  if (m.anti_alias == AntiAlias::blur) return halve(max_pool(x, 3, 1, 1), m.anti_alias);
  return max_pool(x, 3, 2, 1);
}

}  // namespace

Tensor resnets::resnet_map(Scope s, Tensor x, const ResNet& m, float drop_path, const Branch& branch, size_t stages) {
  x = stem(s, x, m);
  int total = m.depths[0] + m.depths[1] + m.depths[2] + m.depths[3], index = 0;
  for (size_t stage = 0; stage < stages; stage++)
    for (int i = 0; i < m.depths[stage]; i++, index++) {
      Scope at = s["layer" + std::to_string(stage + 1)][i];
      int stride = stage > 0 && i == 0 ? 2 : 1;
      Widths width = block_widths(m, stage, index);
      Tensor y = branch ? branch(at, x, width, stride) : residual(at, x, m.kinds[stage], width, stride, m);
      y = fovea::drop_path(at, y, drop_rate(drop_path, index, total));
      x = at.out(relu(y + shortcut(at["downsample"], x, width.out, stride, m)));
    }
  return x;
}

Tensor resnets::resnet(Scope s, Tensor x, const ResNet& m, const ModelOptions& o, const Branch& branch) {
  x = resnet_map(s, x, m, o.drop_path, branch);
  return linear(s["fc"], dropout(s["fc"], global_avg_pool(x), o.drop), o.classes);
}

namespace {

constexpr Kind B = Kind::basic, K = Kind::bottleneck;
ResNet basic(int a, int b, int c, int d) { return {.depths = {a, b, c, d}, .kinds = {B, B, B, B}}; }
ResNet bottleneck(int a, int b, int c, int d) { return resnets::bottleneck({a, b, c, d}); }
ResNet r18() { return basic(2, 2, 2, 2); }
ResNet r34() { return basic(3, 4, 6, 3); }
ResNet r26() { return bottleneck(2, 2, 2, 2); }
ResNet r50() { return bottleneck(3, 4, 6, 3); }
ResNet r101() { return bottleneck(3, 4, 23, 3); }
ResNet r152() { return bottleneck(3, 8, 36, 3); }
ResNet r200() { return bottleneck(3, 24, 36, 3); }
ResNet r269() { return bottleneck(3, 30, 48, 8); }
// What the letters of names mean.
ResNet c(ResNet m, int width = 32) { return m.stem = Stem::deep, m.stem_width = width, m; }
ResNet s(const ResNet& m) { return c(m, 64); }
ResNet d(ResNet m) { return m = c(m), m.average_shortcut = true, m; }
ResNet e(ResNet m) { return m = d(m), m.stem_width = 64, m; }
ResNet t(ResNet m) { return m = d(m), m.stem = Stem::tiered, m; }
ResNet next(ResNet m, int groups, int width) { return m.groups = groups, m.base_width = width, m; }
ResNet wide(const ResNet& m) { return next(m, 1, 128); }
ResNet se(ResNet m) { return m.gate = Gate::squeeze, m; }
ResNet eca(ResNet m) { return m.gate = Gate::channel, m; }
ResNet aa(ResNet m) { return m.anti_alias = AntiAlias::average, m; }
ResNet blurred(ResNet m) { return m.anti_alias = AntiAlias::blur, m; }
ResNet rs(ResNet m) { return m = se(d(m)), m.squeeze_ratio = 0.25, m.stem_conv_pool = true, m; }
ResNet with_group_norm(ResNet m) { return m.group_norm = true, m; }
ResNet light(ResNet m) { return m = eca(m), m.average_shortcut = true, m; }
ResNet senet(ResNet m) { return m = se(c(next(m, 64, 4), 64)), m.shortcut_window = 3, m.narrow = 2, m; }
ResNet pruned(ResNet m, const Pruned& p) { return m.pruned = &p, m; }
ResNet mixed() {
  return {.depths = {1, 1, 1, 1},
          .kinds = {B, B, K, B},
          .widths = {32, 48, 48, 96},
          .stem = Stem::deep,
          .stem_width = 16,
          .average_shortcut = true};
}

Card crop95(int size = 224) { return imagenet_card(size, 0.95f); }
Card bilinear() { return imagenet_card(224, 0.875f, "bilinear"); }

const Variant<ResNet> variants[] = {
    {"resnet10t", t(basic(1, 1, 1, 1)), imagenet_card(176)},
    {"resnet14t", t(bottleneck(1, 1, 1, 1)), imagenet_card(176)},
    {"resnet18", r18(), crop95()},
    {"resnet18d", d(r18()), imagenet_card()},
    {"resnet34", r34(), crop95()},
    {"resnet34d", d(r34()), imagenet_card()},
    {"resnet26", r26(), imagenet_card()},
    {"resnet26d", d(r26()), imagenet_card()},
    {"resnet26t", t(r26()), imagenet_card(256, 0.94f)},
    {"resnet50", r50(), crop95()},
    {"resnet50c", c(r50()), imagenet_card()},
    {"resnet50d", d(r50()), imagenet_card()},
    {"resnet50s", s(r50()), imagenet_card()},
    {"resnet50t", t(r50()), imagenet_card()},
    {"resnet50_gn", with_group_norm(r50()), imagenet_card(224, 0.94f)},
    {"resnet101", r101(), crop95()},
    {"resnet101c", c(r101()), imagenet_card()},
    {"resnet101d", d(r101()), crop95(256)},
    {"resnet101s", s(r101()), imagenet_card()},
    {"resnet152", r152(), crop95()},
    {"resnet152c", c(r152()), imagenet_card()},
    {"resnet152d", d(r152()), crop95(256)},
    {"resnet152s", s(r152()), imagenet_card()},
    {"resnet200", r200(), imagenet_card()},
    {"resnet200d", d(r200()), crop95(256)},
    {"wide_resnet50_2", wide(r50()), imagenet_card()},
    {"wide_resnet101_2", wide(r101()), bilinear()},
    {"resnext50_32x4d", next(r50(), 32, 4), crop95()},
    {"resnext50d_32x4d", next(d(r50()), 32, 4), imagenet_card()},
    {"resnext101_32x4d", next(r101(), 32, 4), bilinear()},
    {"resnext101_32x8d", next(r101(), 32, 8), bilinear()},
    {"resnext101_32x16d", next(r101(), 32, 16), bilinear()},
    {"resnext101_32x32d", next(r101(), 32, 32), bilinear()},
    {"resnext101_64x4d", next(r101(), 64, 4), crop95()},
    {"seresnet18", se(r18()), imagenet_card()},
    {"seresnet34", se(r34()), imagenet_card()},
    {"seresnet50", se(r50()), crop95()},
    {"seresnet50t", se(t(r50())), imagenet_card()},
    {"seresnet101", se(r101()), imagenet_card()},
    {"seresnet152", se(r152()), imagenet_card()},
    {"seresnet152d", se(d(r152())), crop95(256)},
    {"seresnet200d", se(d(r200())), imagenet_card(256)},
    {"seresnet269d", se(d(r269())), imagenet_card(256)},
    {"seresnext26d_32x4d", se(next(d(r26()), 32, 4)), imagenet_card()},
    {"seresnext26t_32x4d", se(next(t(r26()), 32, 4)), imagenet_card()},
    {"seresnext50_32x4d", se(next(r50(), 32, 4)), imagenet_card()},
    {"seresnext101_32x4d", se(next(r101(), 32, 4)), imagenet_card()},
    {"seresnext101_32x8d", se(next(r101(), 32, 8)), crop95()},
    {"seresnext101d_32x8d", se(next(d(r101()), 32, 8)), crop95()},
    {"seresnext101_64x4d", se(next(r101(), 64, 4)), imagenet_card()},
    {"senet154", senet(r152()), imagenet_card()},
    {"ecaresnet26t", eca(t(r26())), imagenet_card(256)},
    {"ecaresnet50d", eca(d(r50())), imagenet_card()},
    {"ecaresnet50d_pruned", pruned(eca(d(r50())), kPruned50), imagenet_card()},
    {"ecaresnet50t", eca(t(r50())), imagenet_card(256)},
    {"ecaresnetlight", light(bottleneck(1, 1, 11, 3)), imagenet_card()},
    {"ecaresnet101d", eca(d(r101())), imagenet_card()},
    {"ecaresnet101d_pruned", pruned(eca(d(r101())), kPruned101), imagenet_card()},
    {"ecaresnet200d", eca(d(r200())), crop95(256)},
    {"ecaresnet269d", eca(d(r269())), crop95(320)},
    {"ecaresnext26t_32x4d", eca(next(t(r26()), 32, 4)), imagenet_card()},
    {"ecaresnext50t_32x4d", eca(next(t(r50()), 32, 4)), imagenet_card()},
    {"resnetaa34d", aa(d(r34())), imagenet_card()},
    {"resnetaa50", aa(r50()), crop95()},
    {"resnetaa50d", aa(d(r50())), crop95()},
    {"resnetaa101d", aa(d(r101())), crop95()},
    {"seresnetaa50d", se(aa(d(r50()))), imagenet_card()},
    {"seresnextaa101d_32x8d", se(aa(next(d(r101()), 32, 8))), crop95(288)},
    {"seresnextaa201d_32x8d", se(aa(next(e(bottleneck(3, 24, 36, 4)), 32, 8))), imagenet_card(384, 1)},
    {"resnetblur18", blurred(r18()), imagenet_card()},
    {"resnetblur50", blurred(r50()), imagenet_card()},
    {"resnetblur50d", blurred(d(r50())), imagenet_card()},
    {"resnetblur101d", blurred(d(r101())), imagenet_card()},
    {"resnetrs50", rs(r50()), imagenet_card(160, 0.91f)},
    {"resnetrs101", rs(r101()), imagenet_card(192, 0.94f)},
    {"resnetrs152", rs(r152()), imagenet_card(256, 1)},
    {"resnetrs200", rs(r200()), imagenet_card(256, 1)},
    {"resnetrs270", rs(bottleneck(4, 29, 53, 4)), imagenet_card(256, 1)},
    {"resnetrs350", rs(bottleneck(4, 36, 72, 4)), imagenet_card(288, 1)},
    {"resnetrs420", rs(bottleneck(4, 44, 87, 4)), imagenet_card(320, 1)},
    {"test_resnet", mixed(), half_card(160, 0.95f, "bilinear")},
};

}  // namespace

std::vector<Model> models_of_resnet() {
  return models_from<ResNet>(
      "resnet", variants,
      +[](Scope s, Tensor x, const ResNet& m, const ModelOptions& o) { return resnets::resnet(s, x, m, o); });
}

}  // namespace fovea
