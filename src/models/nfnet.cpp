// Networks without normalisation: NF-ResNet, NF-RegNet (arXiv:2101.08692) and NFNet (arXiv:2102.06171); kernels are
// standardised and residual branches scaled instead. Names follow timm; dm_ variants are DeepMind's own, which pad as
// TensorFlow does.
#include <array>
#include <cmath>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/blur.h"
#include "nn/channel_attention.h"
#include "nn/std_conv.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

enum class Stem : uint8_t { quad, window3, window7_pool };
enum class Gate : uint8_t { none, squeeze, channel };
using Four = std::array<int, 4>;

struct NFNet {
  Four depths, channels = {256, 512, 1536, 1536};
  Stem stem = Stem::quad;
  int stem_channels = 128;
  int group = 128;  // channels of a group; 0: all
  Gate gate = Gate::squeeze;
  double squeeze = 0.5;
  double width = 1, ratio = 0.5;
  int features = 3072;  // of a last 1x1 convolution; 0: none
  Act act = Act::gelu;
  bool regnet = false;    // inner channels are a multiple of the block's input; the gate is inside
  bool extra = true;      // the window twice
  bool deepmind = false;  // scales activations instead of kernels, and branches by a gain that starts at 0
  int channels_of(int c) const { return round_channels(c * width); }
};
constexpr float kAlpha = 0.2f;  // of residual branches

// What an activation takes from the variance of standard normal values.
float gamma_of(Act a) {
  return a == Act::relu ? 1.7139588594436646f : a == Act::gelu ? 1.7015043497085571f : 1.7881293296813965f;
}

Tensor act(Tensor x, const NFNet& m) {
  x = activation(x, m.act);
  return m.deepmind ? x * gamma_of(m.act) : x;
}
Tensor conv(Scope s, Tensor x, const NFNet& m, int out, int window, int stride = 1, int groups = 1, float gain = 1) {
  return scaled_std_conv(s, x, out, window,
                         {.stride = stride,
                          .pad = m.deepmind ? Padding::same : Padding::centred,
                          .groups = groups,
                          .gamma = m.deepmind ? 1 : gamma_of(m.act),
                          .gain = gain});
}
Tensor gated(Scope s, Tensor x, const NFNet& m) {
  if (m.gate == Gate::channel) return 2.0f * efficient_channel_attention(s, x);
  return 2.0f * squeeze_excite(s, x, {.hidden = round_channels(x.c() * m.squeeze, 8, 0)});
}

Tensor stem(Scope s, Tensor x, const NFNet& m) {
  int c = m.channels_of(m.stem_channels);
  if (m.stem == Stem::window3) return s["conv"].feature(conv(s["conv"], x, m, c, 3, 2));
  if (m.stem == Stem::window7_pool) return max_pool(s["conv"].feature(conv(s["conv"], x, m, c, 7, 2)), 3, 2, 1);
  x = act(conv(s["conv1"], x, m, c / 8, 3, 2), m);
  x = act(conv(s["conv2"], x, m, c / 4, 3), m);
  x = act(s["conv3"].feature(conv(s["conv3"], x, m, c / 2, 3)), m);
  return conv(s["conv4"], x, m, c, 3, 2);
}

struct Block {
  int out, stride;
  double ratio;
  float variance;  // of the input
  float drop;
};
Tensor block(Scope s, Tensor x, const Block& b, const NFNet& m) {  // [n,h,w,c] -> [n,h/stride,w/stride,out]
  int inner = round_channels((m.regnet ? x.c() : b.out) * b.ratio), groups = m.group ? inner / m.group : 1;
  if (m.group) inner = m.group * groups;
  Tensor y = act(x, m) / std::sqrt(b.variance), shortcut = x;
  if (b.stride > 1 || x.c() != b.out) {
    Scope down = s["downsample"];
    shortcut = b.stride > 1 ? down["pool"].own([&] { return mean_pool(y); }) : y;
    shortcut = conv(down["conv"], shortcut, m, b.out, 1);
  }
  y = act(conv(s["conv1"], y, m, inner, 1), m);
  y = conv(s["conv2"], y, m, inner, 3, b.stride, groups);
  if (m.extra) y = conv(s["conv2b"], act(y, m), m, inner, 3, 1, groups);
  bool has_gate = m.gate != Gate::none;
  if (m.regnet && has_gate) y = gated(s["attn"], y, m);
  y = conv(s["conv3"], act(y, m), m, b.out, 1, 1, 1, m.deepmind ? 1 : 0);
  if (!m.regnet && has_gate) y = gated(s["attn_last"], y, m);
  y = drop_path(s, y, b.drop);
  if (m.deepmind) y = y * s.param("skipinit_gain", {}, fill(0));
  return s.out(y * kAlpha + shortcut);
}

Tensor nfnet(Scope s, Tensor x, const NFNet& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = stem(s["stem"], x, m);
  int total = m.depths[0] + m.depths[1] + m.depths[2] + m.depths[3], index = 0;
  float variance = 1;
  for (size_t i = 0; i < 4; i++)
    for (int j = 0; j < m.depths[i]; j++, index++) {
      Block b{m.channels_of(m.channels[i]), j > 0 || (i == 0 && m.stem != Stem::window3) ? 1 : 2, m.ratio, variance};
      if (m.regnet && index == 0) b.ratio = 1;
      b.drop = drop_rate(o.drop_path, index, total);
      x = block(s["stages"][static_cast<int>(i)][j], x, b, m);
      variance = (j == 0 ? 1 : variance) + kAlpha * kAlpha;
    }
  if (m.features) x = s["final_conv"].feature(conv(s["final_conv"], x, m, m.channels_of(m.features), 1));
  return linear(s["head"]["fc"], dropout(s["head"], global_avg_pool(act(x, m)), o.drop), o.classes);
}

NFNet resnet(const Four& depths, Gate gate = Gate::none) {
  NFNet m{.depths = depths, .channels = {256, 512, 1024, 2048}, .stem = Stem::window7_pool, .stem_channels = 64, .group = 0};
  return m.gate = gate, m.squeeze = 1.0 / 16, m.ratio = 0.25, m.features = 0, m.act = Act::relu, m.extra = false, m;
}
NFNet regnet(const Four& depths, const Four& channels = {48, 104, 208, 440}) {
  NFNet m{.depths = depths, .channels = channels, .stem = Stem::window3, .stem_channels = channels[0], .group = 8};
  m.width = 0.75, m.ratio = 2.25, m.features = 1280 * channels[3] / 440, m.act = Act::silu;
  return m.regnet = true, m.extra = false, m;
}
NFNet f(int i) { return {.depths = {i + 1, 2 * (i + 1), 6 * (i + 1), 3 * (i + 1)}}; }
NFNet dm(int i) {
  NFNet m = f(i);
  return m.deepmind = true, m;
}
NFNet light(int i, Gate gate, int features = 3072) {
  NFNet m = f(i);
  return m.features = features, m.group = 64, m.ratio = 0.25, m.squeeze = 0.25, m.gate = gate, m.act = Act::silu, m;
}
NFNet test() {
  NFNet m = light(0, Gate::squeeze, 192);
  return m.depths = {1, 1, 1, 1}, m.channels = {32, 64, 96, 128}, m.group = 8, m;
}

constexpr Four k26 = {2, 2, 2, 2}, k50 = {3, 4, 6, 3}, k101 = {3, 4, 23, 3};
constexpr Gate SE = Gate::squeeze, ECA = Gate::channel;

const Variant<NFNet> variants[] = {
    {"dm_nfnet_f0", dm(0), imagenet_card(192, 0.9f)},
    {"dm_nfnet_f1", dm(1), imagenet_card(224, 0.91f)},
    {"dm_nfnet_f2", dm(2), imagenet_card(256, 0.92f)},
    {"dm_nfnet_f3", dm(3), imagenet_card(320, 0.94f)},
    {"dm_nfnet_f4", dm(4), imagenet_card(384, 0.951f)},
    {"dm_nfnet_f5", dm(5), imagenet_card(416, 0.954f)},
    {"dm_nfnet_f6", dm(6), imagenet_card(448, 0.956f)},
    {"nfnet_f0", f(0), imagenet_card(192, 0.9f)},
    {"nfnet_f1", f(1), imagenet_card(224, 0.9f)},
    {"nfnet_f2", f(2), imagenet_card(256, 0.9f)},
    {"nfnet_f3", f(3), imagenet_card(320, 0.9f)},
    {"nfnet_f4", f(4), imagenet_card(384, 0.9f)},
    {"nfnet_f5", f(5), imagenet_card(416, 0.9f)},
    {"nfnet_f6", f(6), imagenet_card(448, 0.9f)},
    {"nfnet_f7", f(7), imagenet_card(480, 0.9f)},
    {"nfnet_l0", light(0, SE, 2304), imagenet_card(224, 0.9f)},
    {"eca_nfnet_l0", light(0, ECA, 2304), imagenet_card(224, 0.9f)},
    {"eca_nfnet_l1", light(1, ECA), imagenet_card(256, 0.9f)},
    {"eca_nfnet_l2", light(2, ECA), imagenet_card(320, 0.9f)},
    {"eca_nfnet_l3", light(3, ECA), imagenet_card(352, 0.9f)},
    {"nf_regnet_b0", regnet({1, 3, 6, 6}), imagenet_card(192, 0.9f)},
    {"nf_regnet_b1", regnet({2, 4, 7, 7}), imagenet_card(256, 0.9f)},
    {"nf_regnet_b2", regnet({2, 4, 8, 8}, {56, 112, 232, 488}), imagenet_card(240, 0.9f)},
    {"nf_regnet_b3", regnet({2, 5, 9, 9}, {56, 128, 248, 528}), imagenet_card(288, 0.9f)},
    {"nf_regnet_b4", regnet({2, 6, 11, 11}, {64, 144, 288, 616}), imagenet_card(320, 0.9f)},
    {"nf_regnet_b5", regnet({3, 7, 14, 14}, {80, 168, 336, 704}), imagenet_card(384, 0.9f)},
    {"nf_resnet26", resnet(k26), imagenet_card(224, 0.9f)},
    {"nf_resnet50", resnet(k50), imagenet_card(256, 0.94f)},
    {"nf_resnet101", resnet(k101), imagenet_card(224, 0.9f)},
    {"nf_seresnet26", resnet(k26, SE), imagenet_card(224, 0.9f)},
    {"nf_seresnet50", resnet(k50, SE), imagenet_card(224, 0.9f)},
    {"nf_seresnet101", resnet(k101, SE), imagenet_card(224, 0.9f)},
    {"nf_ecaresnet26", resnet(k26, ECA), imagenet_card(224, 0.9f)},
    {"nf_ecaresnet50", resnet(k50, ECA), imagenet_card(224, 0.9f)},
    {"nf_ecaresnet101", resnet(k101, ECA), imagenet_card(224, 0.9f)},
    {"test_nfnet", test(), half_card(160, 0.95f)},
};

}  // namespace

std::vector<Model> models_of_nfnet() { return models_from<NFNet>("nfnet", variants, nfnet); }

}  // namespace fovea
