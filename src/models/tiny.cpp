// Small networks for microcontrollers as TensorFlow Lite deploys them: normalisation folded into biases, TensorFlow's
// padding. MobileNet V1 of several widths and its visual-wake-words cut (arXiv:1906.05721), and the networks of MLPerf
// Tiny (arXiv:2106.07597) and TinyMaix. Names are the layers' of those files.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

Tensor conv_bias(Scope s, Tensor x, int out, Pair window, int stride, Act act, int groups = 1) {
  return activation(conv(s, x, out, window, {.stride = stride, .pad = Padding::same, .groups = groups, .bias = true}), act);
}
Tensor separable(Scope s, Tensor x, int out, int stride, Act act) {
  return s.out(conv_bias(s["pw"], conv_bias(s["dw"], x, x.c(), 3, stride, act, x.c()), out, 1, 1, act));
}
Scope numbered(Scope s, const char* name, int i) { return s[name + std::to_string(i)]; }

// MobileNet V1.
enum class Head : uint8_t { conv, linear, active_conv };
struct FoldedMobileNet {
  double width;
  Act act = Act::relu6;
  Head head = Head::conv;
};
Tensor folded_mobilenet(Scope s, Tensor x, const FoldedMobileNet& m, const ModelOptions& o) {
  static const int channels[] = {64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024};
  x = conv_bias(s["stem"], x, static_cast<int>(32 * m.width), 3, 2, m.act);
  for (int i = 0; i < 13; i++) {
    bool halve = i == 1 || i == 3 || i == 5 || i == 11;
    x = separable(numbered(s, "block", i + 1), x, static_cast<int>(channels[i] * m.width), halve ? 2 : 1, m.act);
  }
  if (m.head == Head::active_conv)
    return global_avg_pool(conv_bias(s["classifier"], x, o.classes, 1, 1, m.act));  // classes are voted for by every pixel
  if (m.head == Head::linear) return linear(s["fc"], dropout(s["fc"], global_avg_pool(x), o.drop), o.classes);
  x = dropout(s["classifier"], reduce_mean(x, {1, 2}), o.drop);  // [n,1,1,c]
  return reshape(conv_bias(s["classifier"], x, o.classes, 1, 1, Act::none), {x.n(), o.classes});
}

// ResNet-8 for CIFAR-10.
struct ResNet8 {
  int width;
};
Tensor resnet8(Scope s, Tensor x, const ResNet8& m, const ModelOptions& o) {
  x = conv_bias(s["stem"], x, m.width, 3, 1, Act::relu);
  for (int i = 0; i < 3; i++) {
    Scope stage = numbered(s, "stage", i + 1);
    int out = m.width << i, stride = i == 0 ? 1 : 2;
    Tensor y = conv_bias(stage["conv2"], conv_bias(stage["conv1"], x, out, 3, stride, Act::relu), out, 3, 1, Act::none);
    Tensor shortcut = i == 0 ? x : conv_bias(stage["shortcut"], x, out, 1, stride, Act::none);
    x = stage.out(relu(shortcut + y));
  }
  return linear(s["fc"], dropout(s["fc"], global_avg_pool(x), o.drop), o.classes);
}

// DS-CNN for keyword spotting (arXiv:1711.07128): 49 frames of 10 MFCCs as a picture.
struct KeywordNet {
  int width;
};
Tensor keyword_net(Scope s, Tensor x, const KeywordNet& m, const ModelOptions& o) {
  x = conv_bias(s["stem"], x, m.width, {10, 4}, 2, Act::relu);
  for (int i = 1; i <= 4; i++) x = separable(numbered(s, "block", i), x, m.width, 1, Act::relu);
  return linear(s["fc"], dropout(s["fc"], global_avg_pool(x), o.drop), o.classes);
}

// TinyMaix's net for CIFAR-10: three 5x5 convolutions, then every pixel of the last map into the classifier.
struct Cifar10TinyMaix {
  int width;
};
Tensor cifar10_tinymaix(Scope s, Tensor x, const Cifar10TinyMaix& m, const ModelOptions& o) {
  for (int i = 0; i < 3; i++) {
    Scope at = numbered(s, "conv", i);
    x = at.feature(conv_bias(at, x, i < 2 ? m.width : 2 * m.width, 5, 2, Act::relu));
  }
  x = reshape(x, {x.n(), -1});  // [n,4*4*64], in the order row, column, channel
  return linear(s["fc"], dropout(s["fc"], x, o.drop), o.classes);
}

Card bytes_card(int size) {  // pixels in 0..255
  Card c = unit_card(size);
  for (float& v : c.std) v = 1.0f / 255;
  return c;
}
Card mfcc_card() {
  Card c = unit_card(49);
  c.width = 10, c.channels = 1;
  return c;
}
Card rounded(Card c) { return c.round_size = true, c; }
Card tf_card(int size) { return rounded(half_card(size, 0.875f, "bilinear")); }

const Variant<FoldedMobileNet> mobilenets[] = {
    {"tf_mobilenetv1_025", {0.25}, tf_card(128)}, {"tf_mobilenetv1_025_96", {0.25}, rounded(unit_card(96, 0.875f))},
    {"tf_mobilenetv1_050", {0.5}, tf_card(160)},  {"tf_mobilenetv1_075", {0.75}, tf_card(192)},
    {"tf_mobilenetv1_100", {1.0}, tf_card(224)},
};
const Variant<FoldedMobileNet> wake_words[] = {
    {"vww_mlperf_tiny", {0.25, Act::relu, Head::linear}, unit_card(96)},
    {"vww_tinymaix_96", {0.25, Act::relu6, Head::active_conv}, unit_card(96)},
};
const Variant<ResNet8> resnets[] = {
    {"resnet8_mlperf_tiny", {16}, bytes_card(32)},
    {"resnet8_large_mlperf_tiny", {40}, bytes_card(32)},
};
const Variant<KeywordNet> keyword_nets[] = {{"dscnn_kws_mlperf_tiny", {64}, mfcc_card()}};
const Variant<Cifar10TinyMaix> cifar_nets[] = {{"cifar10_tinymaix", {32}, unit_card(32)}};

}  // namespace

std::vector<Model> models_of_tiny() {
  std::vector<Model> r = models_from<FoldedMobileNet>("tiny", mobilenets, folded_mobilenet);
  auto append = [&](std::vector<Model> more) { r.insert(r.end(), more.begin(), more.end()); };
  append(models_from<FoldedMobileNet>("tiny", wake_words, folded_mobilenet, 2));
  append(models_from<ResNet8>("tiny", resnets, resnet8, 10));
  append(models_from<KeywordNet>("tiny", keyword_nets, keyword_net, 12));
  append(models_from<Cifar10TinyMaix>("tiny", cifar_nets, cifar10_tinymaix, 10));
  return r;
}

}  // namespace fovea
