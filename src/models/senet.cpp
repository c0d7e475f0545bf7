// Squeeze-and-excitation networks as first published (arXiv:1709.01507): names of their own, the first convolution of
// bottlenecks strided. Names follow timm.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/channel_attention.h"
#include "nn/conv_norm_act.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

enum class Kind : uint8_t {
  basic,       // 3x3, 3x3
  bottleneck,  // 1x1, 3x3, 1x1
  grouped,     // twice the channels, in 32 groups; the 3x3 convolution strided (ResNeXt)
  doubled      // 2, then 4 times the channels, in 64 groups (SENet-154)
};
struct SENet {
  Kind kind;
  std::array<int, 4> depths;
};

Tensor layer(Scope s, const char* i, Tensor x, int out, int window, int stride = 1, int groups = 1, Act act = Act::relu) {
  std::string conv = std::string("conv") + i, norm = std::string("bn") + i;
  return conv_norm_act(
      s, x, out, window,
      {.stride = stride, .groups = groups, .act = act, .init = fan_in_normal, .conv = conv.c_str(), .norm = norm.c_str()});
}

Tensor residual(Scope s, Tensor x, int width, int stride, Kind kind) {
  switch (kind) {
    case Kind::basic: return layer(s, "2", layer(s, "1", x, width, 3, stride), width, 3);
    case Kind::bottleneck: x = layer(s, "2", layer(s, "1", x, width, 1, stride), width, 3); break;
    case Kind::grouped: x = layer(s, "2", layer(s, "1", x, 2 * width, 1), 2 * width, 3, stride, 32); break;
    case Kind::doubled: x = layer(s, "2", layer(s, "1", x, 2 * width, 1), 4 * width, 3, stride, 64); break;
  }
  return layer(s, "3", x, 4 * width, 1, 1, 1, Act::none);
}

Tensor block(Scope s, Tensor x, int width, int stride, Kind kind) {  // [n,h,w,c] -> [n,h/stride,w/stride,out]
  Tensor y = residual(s, x, width, stride, kind);
  if (stride > 1 || x.c() != y.c()) {
    int window = kind == Kind::doubled && stride > 1 ? 3 : 1;
    x = conv_norm_act(s["downsample"], x, y.c(), window,
                      {.stride = stride, .act = Act::none, .init = fan_in_normal, .conv = "0", .norm = "1"});
  }
  return s.out(relu(squeeze_excite(s["se_module"], y, {.hidden = y.c() / 16, .init = fan_in_normal}) + x));
}

Tensor senet(Scope s, Tensor x, const SENet& m, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  if (m.kind == Kind::doubled) {
    x = layer(s["layer0"], "1", x, 64, 3, 2);
    x = layer(s["layer0"], "3", layer(s["layer0"], "2", x, 64, 3), 128, 3);
  } else {
    x = layer(s["layer0"], "1", x, 64, 7, 2);
  }
  s["layer0"].feature(x);
  x = max_pool(x, 3, 2, Pad(0, 0, (x.h() + 1) % 2, (x.w() + 1) % 2));  // the last window may hang over
  for (int stage = 0; stage < 4; stage++)
    for (int i = 0; i < m.depths[static_cast<size_t>(stage)]; i++)
      x = block(s["layer" + std::to_string(stage + 1)][i], x, 64 << stage, stage > 0 && i == 0 ? 2 : 1, m.kind);
  return linear(s["last_linear"], dropout(s["last_linear"], global_avg_pool(x), o.drop), o.classes);
}

Card bilinear() { return imagenet_card(224, 0.875f, "bilinear"); }

const Variant<SENet> variants[] = {
    {"legacy_seresnet18", {Kind::basic, {2, 2, 2, 2}}, imagenet_card()},
    {"legacy_seresnet34", {Kind::basic, {3, 4, 6, 3}}, bilinear()},
    {"legacy_seresnet50", {Kind::bottleneck, {3, 4, 6, 3}}, bilinear()},
    {"legacy_seresnet101", {Kind::bottleneck, {3, 4, 23, 3}}, bilinear()},
    {"legacy_seresnet152", {Kind::bottleneck, {3, 8, 36, 3}}, bilinear()},
    {"legacy_seresnext26_32x4d", {Kind::grouped, {2, 2, 2, 2}}, imagenet_card()},
    {"legacy_seresnext50_32x4d", {Kind::grouped, {3, 4, 6, 3}}, bilinear()},
    {"legacy_seresnext101_32x4d", {Kind::grouped, {3, 4, 23, 3}}, bilinear()},
    {"legacy_senet154", {Kind::doubled, {3, 8, 36, 3}}, bilinear()},
};

}  // namespace

std::vector<Model> models_of_senet() { return models_from<SENet>("senet", variants, senet); }

}  // namespace fovea
