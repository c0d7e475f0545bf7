// TResNet (arXiv:2003.13630): residual networks made for fast training, with a stem that only rearranges pixels, blurred
// halving and squeeze and excitation in all stages but the last. Names follow timm.
#include <algorithm>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/blur.h"
#include "nn/channel_attention.h"
#include "nn/conv_norm.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct TResNet {
  std::array<int, 4> depths;
  int width = 64;
  bool second = false;  // V2: bottlenecks everywhere, not only in the last two stages
};

const ConvNorm layer{.init = fan_out_normal};

Tensor leaky(Tensor x) { return maximum(x, 1e-3f * x); }
Tensor layer3x3(Scope s, Tensor x, int out, int stride) {
  x = leaky(layer(s, x, out, 3));
  return stride == 2 ? blur_pool(x, Edge::reflect) : x;
}

struct Block {
  int width, stride;
  bool bottleneck, squeeze;
};
Tensor block(Scope s, Tensor x, const Block& b, float drop) {  // [n,h,w,c] -> [n,h/stride,w/stride,out]
  int out = b.bottleneck ? 4 * b.width : b.width;
  auto gated = [&](Tensor y, int hidden) {
    return b.squeeze ? squeeze_excite(s["se"], y, {.hidden = std::max(hidden, 64)}) : y;
  };
  Tensor y;
  if (b.bottleneck) {
    y = layer3x3(s["conv2"], leaky(layer(s["conv1"], x, b.width)), b.width, b.stride);
    y = layer(s["conv3"], gated(y, out / 8), out, 1, 1, 1, 0);
  } else {
    y = layer(s["conv2"], layer3x3(s["conv1"], x, out, b.stride), out, 3, 1, 1, 0);
    y = gated(y, out / 4);
  }
  Scope down = s["downsample"][b.stride == 2 ? 1 : 0];
  if (b.stride == 2)
    x = layer(down, s["downsample"][0].own([&] { return mean_pool(x); }), out);
  else if (x.c() != out)
    x = layer(down, x, out);
  return s.out(relu(drop_path(s, y, drop) + x));
}

Tensor patches(Tensor x) {  // [n,h,w,c] -> [n,h/4,w/4,16c]
  int n = x.n(), h = x.h() / 4, w = x.w() / 4, c = x.c();
  x = slice(slice(x, 1, 0, 4 * h), 2, 0, 4 * w);
  return reshape(transpose(reshape(x, {n, h, 4, w, 4, c}), {0, 1, 3, 2, 4, 5}), {n, h, w, 16 * c});
}

Tensor tresnet(Scope s, Tensor x, const TResNet& m, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  Scope body = s["body"];
  x = activation(layer(body["conv1"], patches(x), m.width, 3), Act::leaky_relu);
  DropRamp drop(o.drop_path, m.depths);
  for (int stage = 0; stage < 4; stage++)
    for (int i = 0; i < m.depths[static_cast<size_t>(stage)]; i++) {
      Block b{m.width << stage, stage > 0 && i == 0 ? 2 : 1, m.second || stage > 1, stage < 3};
      x = block(body["layer" + std::to_string(stage + 1)][i], x, b, drop.next());
    }
  return linear(s["head"]["fc"], dropout(s["head"], global_avg_pool(x), o.drop), o.classes);
}

const Variant<TResNet> variants[] = {
    {"tresnet_m", {{3, 4, 11, 3}}, unit_card(224, 0.875f)},
    {"tresnet_l", {{4, 5, 18, 3}, 76}, unit_card(224, 0.875f)},
    {"tresnet_xl", {{4, 5, 24, 3}, 83}, unit_card(224, 0.875f)},
    {"tresnet_v2_l", {{3, 4, 23, 3}, 64, true}, unit_card(224, 0.875f)},
};

}  // namespace

std::vector<Model> models_of_tresnet() { return models_from<TResNet>("tresnet", variants, tresnet); }

}  // namespace fovea
