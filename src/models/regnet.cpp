// RegNet X, Y (arXiv:2003.13678) and Z (arXiv:2103.06877): the widths of all blocks are a line, rounded to a few stages.
// regnetv normalises first. Names follow timm.
#include <algorithm>
#include <cmath>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/blur.h"
#include "nn/channel_attention.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

enum class Shortcut : uint8_t { conv, average, none };  // where the shape changes

struct RegNet {
  int depth, first;       // blocks; width of the first
  float slope, multiple;  // of the line; between the widths of stages
  int group;              // channels of a group
  double squeeze = 0;     // of a block's input
  double ratio = 1;       // of inner channels
  Act act = Act::relu;
  Shortcut shortcut = Shortcut::conv;
  bool linear_end = false, norm_first = false;
  bool torchvision = false;  // which rounds widths to groups in its own way
  int features = 0;          // of a last 1x1 convolution
  int norm_group = 0;        // channels of a group of group_norm; 0: batch_norm
};

struct Stage {
  int depth, width, group;
};
std::vector<Stage> stages(const RegNet& m) {
  auto first = static_cast<float>(m.first);
  std::vector<Stage> r;
  for (int i = 0; i < m.depth; i++) {
    float step = std::nearbyint(std::log((static_cast<float>(i) * m.slope + first) / first) / std::log(m.multiple));
    int width = 8 * static_cast<int>(std::nearbyint(first * std::pow(m.multiple, step) / 8));
    if (r.empty() || r.back().width != width) r.push_back({0, width, 0});
    r.back().depth++;
  }
  for (Stage& s : r) {
    int inner = static_cast<int>(s.width * m.ratio);
    s.group = std::min(m.group, inner);
    int groups = static_cast<int>(std::nearbyint(static_cast<double>(inner) / s.group));
    inner = m.torchvision ? round_channels(inner, s.group) : groups * s.group;
    s.width = static_cast<int>(inner / m.ratio);
  }
  return r;
}

Tensor conv(Scope s, Tensor x, int out, int window, int stride = 1, int groups = 1) {
  return conv(s, x, out, window, {.stride = stride, .groups = groups, .init = group_fan_out_normal});
}
Tensor norm(Scope s, Tensor x, const RegNet& m, bool active) {
  x = m.norm_group ? group_norm(s, x, x.c() / m.norm_group) : batch_norm(s, x);
  return activation(x, active ? m.act : Act::none);
}
Tensor conv_norm(Scope s, Tensor x, const RegNet& m, int out, int window, int stride = 1, int groups = 1,
                 bool active = true) {
  return norm(s["bn"], conv(s["conv"], x, out, window, stride, groups), m, active);
}

// What the shortcut adds to y.
Tensor joined(Scope s, Tensor x, Tensor y, int stride, const RegNet& m) {
  if (stride == 1 && x.c() == y.c()) return y + x;
  if (m.shortcut == Shortcut::none) return y;
  if (m.shortcut == Shortcut::average) {
    if (stride == 2) x = s[0].own([&] { return mean_pool(x); });
    s = s[1], stride = 1;
  }
  return y + (m.norm_first ? conv(s, x, y.c(), 1, stride) : conv_norm(s, x, m, y.c(), 1, stride, 1, false));
}

Tensor block(Scope s, Tensor x, const Stage& t, int stride, const RegNet& m, float drop) {  // -> [n,h/stride,w/stride,width]
  int inner = static_cast<int>(std::nearbyint(t.width * m.ratio)), groups = inner / t.group;
  int hidden = static_cast<int>(std::nearbyint(x.c() * m.squeeze));
  auto squeezed = [&](Tensor y) { return hidden ? squeeze_excite(s["se"], y, {.hidden = hidden, .act = m.act}) : y; };
  if (m.norm_first) {
    x = norm(s["norm1"], x, m, true);
    Tensor y = norm(s["norm2"], conv(s["conv1"], x, inner, 1), m, true);
    y = norm(s["norm3"], squeezed(conv(s["conv2"], y, inner, 3, stride, groups)), m, true);
    return s.out(joined(s["downsample"], x, drop_path(s, conv(s["conv3"], y, t.width, 1), drop), stride, m));
  }
  Tensor y = conv_norm(s["conv1"], x, m, inner, 1);
  y = squeezed(conv_norm(s["conv2"], y, m, inner, 3, stride, groups));
  y = drop_path(s, conv_norm(s["conv3"], y, m, t.width, 1, 1, 1, false), drop);
  return s.out(activation(joined(s["downsample"], x, y, stride, m), m.linear_end ? Act::none : m.act));
}

Tensor regnet(Scope s, Tensor x, const RegNet& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = s["stem"].feature(m.norm_first ? conv(s["stem"], x, 32, 3, 2) : conv_norm(s["stem"], x, m, 32, 3, 2));
  int stage = 0, index = 0;
  for (const Stage& t : stages(m)) {
    Scope at = s["s" + std::to_string(++stage)];
    for (int i = 0; i < t.depth; i++, index++)
      x = block(at["b" + std::to_string(i + 1)], x, t, i == 0 ? 2 : 1, m, drop_rate(o.drop_path, index, m.depth));
  }
  if (m.features)
    x = conv_norm(s["final_conv"], x, m, m.features, 1);
  else if (m.linear_end || m.norm_first)
    x = activation(x, m.act);
  return linear(s["head"]["fc"], dropout(s["head"], global_avg_pool(x), o.drop), o.classes);
}

RegNet x(int depth, int first, float slope, float multiple, int group) { return {depth, first, slope, multiple, group}; }
RegNet y(int depth, int first, float slope, float multiple, int group) {
  return {depth, first, slope, multiple, group, 0.25};
}
RegNet z(int depth, int first, float slope, float multiple, int group, int features = 0) {
  RegNet m = y(depth, first, slope, multiple, group);
  return m.ratio = 4, m.shortcut = Shortcut::none, m.linear_end = true, m.features = features, m.act = Act::silu, m;
}
RegNet v(RegNet m, Shortcut s = Shortcut::conv) { return m.norm_first = true, m.act = Act::silu, m.shortcut = s, m; }
RegNet sgn(RegNet m) { return m.norm_group = 16, m.act = Act::silu, m; }
RegNet tv(RegNet m) { return m.torchvision = true, m; }

const Variant<RegNet> variants[] = {
    {"regnetx_002", x(13, 24, 36.44f, 2.49f, 8), imagenet_card()},
    {"regnetx_004", x(22, 24, 24.48f, 2.54f, 16), imagenet_card()},
    {"regnetx_004_tv", tv(x(22, 24, 24.48f, 2.54f, 16)), imagenet_card(224, 0.965f)},
    {"regnetx_006", x(16, 48, 36.97f, 2.24f, 24), imagenet_card()},
    {"regnetx_008", x(16, 56, 35.73f, 2.28f, 16), imagenet_card(224, 0.965f)},
    {"regnetx_016", x(18, 80, 34.01f, 2.25f, 24), imagenet_card(224, 0.965f)},
    {"regnetx_032", x(25, 88, 26.31f, 2.25f, 48), imagenet_card(224, 0.965f)},
    {"regnetx_040", x(23, 96, 38.65f, 2.43f, 40), imagenet_card()},
    {"regnetx_064", x(17, 184, 60.83f, 2.07f, 56), imagenet_card()},
    {"regnetx_080", x(23, 80, 49.56f, 2.88f, 120), imagenet_card(224, 0.965f)},
    {"regnetx_120", x(19, 168, 73.36f, 2.37f, 112), imagenet_card()},
    {"regnetx_160", x(22, 216, 55.59f, 2.1f, 128), imagenet_card(224, 0.965f)},
    {"regnetx_320", x(23, 320, 69.86f, 2.0f, 168), imagenet_card(224, 0.965f)},
    {"regnety_002", y(13, 24, 36.44f, 2.49f, 8), imagenet_card()},
    {"regnety_004", y(16, 48, 27.89f, 2.09f, 8), imagenet_card(224, 0.965f)},
    {"regnety_006", y(15, 48, 32.54f, 2.32f, 16), imagenet_card()},
    {"regnety_008", y(14, 56, 38.84f, 2.4f, 16), imagenet_card()},
    {"regnety_008_tv", tv(y(14, 56, 38.84f, 2.4f, 16)), imagenet_card(224, 0.965f)},
    {"regnety_016", y(27, 48, 20.71f, 2.65f, 24), imagenet_card(224, 0.965f)},
    {"regnety_032", y(21, 80, 42.63f, 2.66f, 24), imagenet_card(224, 0.95f)},
    {"regnety_040", y(22, 96, 31.41f, 2.24f, 64), imagenet_card(224, 0.95f)},
    {"regnety_064", y(25, 112, 33.22f, 2.27f, 72), imagenet_card(224, 0.95f)},
    {"regnety_080", y(17, 192, 76.82f, 2.19f, 56), imagenet_card(224, 0.95f)},
    {"regnety_080_tv", tv(y(17, 192, 76.82f, 2.19f, 56)), imagenet_card(224, 0.965f)},
    {"regnety_120", y(19, 168, 73.36f, 2.37f, 112), imagenet_card(224, 0.95f)},
    {"regnety_160", y(18, 200, 106.23f, 2.48f, 112), imagenet_card(224, 0.95f)},
    {"regnety_320", y(20, 232, 115.89f, 2.53f, 232), imagenet_card(224, 0.965f)},
    {"regnety_640", y(20, 352, 147.48f, 2.4f, 328), imagenet_card(384, 1)},
    {"regnety_1280", y(27, 456, 160.83f, 2.52f, 264), imagenet_card(384, 1)},
    {"regnety_2560", y(27, 640, 230.83f, 2.53f, 373), imagenet_card(384, 1)},
    {"regnety_040_sgn", sgn(y(22, 96, 31.41f, 2.24f, 64)), imagenet_card(224, 0.95f)},
    {"regnetv_040", v(y(22, 96, 31.41f, 2.24f, 64)), imagenet_card(224, 0.95f)},
    {"regnetv_064", v(y(25, 112, 33.22f, 2.27f, 72), Shortcut::average), imagenet_card(224, 0.95f)},
    {"regnetz_005", z(21, 16, 10.7f, 2.51f, 4, 1024), imagenet_card(224, 0.95f)},
    {"regnetz_040", z(28, 48, 14.5f, 2.226f, 8), imagenet_card(256, 1)},
    {"regnetz_040_h", z(28, 48, 14.5f, 2.226f, 8, 1536), imagenet_card(256, 1)},
};

}  // namespace

std::vector<Model> models_of_regnet() { return models_from<RegNet>("regnet", variants, regnet); }

}  // namespace fovea
