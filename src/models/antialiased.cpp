// Networks of torchvision whose maps are blurred before every other pixel is taken (arXiv:1904.11486). Names of parameters
// follow the paper's code; a model's name ends with the window of the blur where that is not four pixels.
#include "models/cards.h"
#include "models/densenet.h"
#include "nn/blur.h"
#include "nn/conv_norm_act.h"
#include "nn/flatten.h"
#include "nn/resize.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

Tensor conv(Scope s, Tensor x, int out, int window, int stride = 1, int groups = 1) {
  return conv(s, x, out, window, {.stride = stride, .groups = groups, .init = fan_out_normal});
}
Tensor biased(Scope s, Tensor x, int out, int window, int stride = 1, int pad = 0) {
  if (pad) x = fovea::pad(x, {0, pad, pad, 0}, {0, pad, pad, 0});
  return conv(s, x, out, window, {.stride = stride, .pad = Padding::none, .bias = true, .init = fan_out_normal});
}
Tensor blur(Scope s, Tensor x, int taps, int stride = 2) {
  return s.own([&] { return blur_pool(x, Edge::reflect, taps, stride); });
}

struct ResNet {
  std::array<int, 4> depths;
  bool bottleneck = true;
  int groups = 1, base_width = 64;
};

// [n,h,w,c] -> [n,h/stride,w/stride,out]; what halves the map comes before the last convolution.
Tensor block(Scope s, Tensor x, int width, int stride, const ResNet& m, int taps, float drop) {
  int out = m.bottleneck ? 4 * width : width, last = m.bottleneck ? 3 : 2, inner = width * m.base_width / 64 * m.groups;
  Tensor y = x;
  if (m.bottleneck) {
    y = relu(batch_norm(s["bn1"], conv(s["conv1"], y, inner, 1)));
    y = relu(batch_norm(s["bn2"], conv(s["conv2"], y, inner, 3, 1, m.groups)));
  } else {
    y = relu(batch_norm(s["bn1"], conv(s["conv1"], y, width, 3)));
  }
  Scope at = s["conv" + std::to_string(last)], down = s["downsample"];
  if (stride == 2) y = blur(at[0], y, taps), at = at[1];
  y = batch_norm(s["bn" + std::to_string(last)], conv(at, y, out, m.bottleneck ? 1 : 3), 1e-5f, 0);
  int skip = stride == 2 ? 1 : 0;
  if (stride == 2 || x.c() != out) {
    if (stride == 2) x = blur(down[0], x, taps);
    x = batch_norm(down[skip + 1], conv(down[skip], x, out, 1));
  }
  return s.out(relu(drop_path(s, y, drop) + x));
}

Tensor resnet(Scope s, Tensor x, const ResNet& m, int taps, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  x = max_pool(relu(batch_norm(s["bn1"], conv(s["conv1"], x, 64, 7, 2))), 2, 1);
  x = blur(s["maxpool"], x, taps);
  DropRamp drop(o.drop_path, m.depths);
  for (int stage = 0; stage < 4; stage++)
    for (int i = 0; i < m.depths[static_cast<size_t>(stage)]; i++) {
      int stride = stage > 0 && i == 0 ? 2 : 1;
      x = block(s["layer" + std::to_string(stage + 1)][i], x, 64 << stage, stride, m, taps, drop.next());
    }
  return linear(s["fc"], dropout(s["fc"], global_avg_pool(x), o.drop), o.classes);
}

struct VGG {
  std::array<int, 5> depths;
  bool norm = false;
};
Tensor vgg(Scope s, Tensor x, const VGG& m, int taps, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  constexpr int kHidden = 4096, kSide = 7, outs[] = {64, 128, 256, 512, 512};
  Scope f = s["features"], head = s["classifier"];
  int layer = 0;
  for (size_t i = 0; i < 5; i++) {
    for (int j = 0; j < m.depths[i]; j++) {
      x = biased(f[layer++], x, outs[i], 3, 1, 1);
      if (m.norm) x = batch_norm(f[layer++], x);
      x = relu(x), layer++;
    }
    f[layer - 1].feature(x);
    x = blur(f[layer + 1], max_pool(x, 2, 1), taps), layer += 2;
  }
  x = flatten(adaptive_avg_pool(x, kSide, kSide));
  x = dropout(head[2], relu(linear(head[0], x, kHidden)), 0.5f);
  x = dropout(head[5], relu(linear(head[3], x, kHidden)), 0.5f);
  return linear(head[6], dropout(head, x, o.drop), o.classes);
}

struct AlexNet {};
Tensor alexnet(Scope s, Tensor x, const AlexNet&, int taps, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  constexpr int kHidden = 4096, kSide = 6;
  Scope f = s["features"], head = s["classifier"];
  x = blur(f[2], f[1].feature(relu(biased(f[0], x, 64, 11, 2, 2))), taps);
  x = blur(f[4], max_pool(x, 3, 1), taps);
  x = f[6].feature(relu(biased(f[5], x, 192, 5, 1, 2)));
  x = blur(f[8], max_pool(x, 3, 1), taps);
  x = relu(biased(f[9], x, 384, 3, 1, 1));
  x = relu(biased(f[11], x, 256, 3, 1, 1));
  x = f[14].feature(relu(biased(f[13], x, 256, 3, 1, 1)));
  x = flatten(adaptive_avg_pool(blur(f[16], max_pool(x, 3, 1), taps), kSide, kSide));
  x = relu(linear(head[1], dropout(head[0], x, 0.5f), kHidden));
  x = relu(linear(head[4], dropout(head[3], x, 0.5f), kHidden));
  return linear(head[6], dropout(head, x, o.drop), o.classes);
}

struct MobileNet {};
Tensor mobilenet(Scope s, Tensor x, const MobileNet&, int taps, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  constexpr int ratios[] = {1, 6, 6, 6, 6, 6, 6}, outs[] = {16, 24, 32, 64, 96, 160, 320}, repeats[] = {1, 2, 3, 4, 3, 3, 1},
                strides[] = {1, 2, 2, 2, 1, 2, 1};
  auto layer = [](Scope at, Tensor t, int out, int window, int stride = 1, int groups = 1) {
    return conv_norm_act(
        at, t, out, window,
        {.stride = stride, .groups = groups, .act = Act::relu6, .init = fan_out_normal, .conv = "0", .norm = "1"});
  };
  Scope f = s["features"];
  x = layer(f[0], x, 32, 3, 2);
  for (int i = 0, place = 1; i < 7; i++)
    for (int j = 0; j < repeats[i]; j++, place++) {
      Scope c = f[place]["conv"];
      int at = 0, stride = j == 0 ? strides[i] : 1, inner = x.c() * ratios[i];
      Tensor y = ratios[i] > 1 ? layer(c[at++], x, inner, 1) : x;
      y = layer(c[at++], y, inner, 3, 1, inner);
      if (stride == 2) y = blur(c[at++], y, taps);
      y = batch_norm(c[at + 1], conv(c[at], y, outs[i], 1));
      x = f[place].out(stride == 1 && x.c() == outs[i] ? x + y : y);
    }
  x = global_avg_pool(layer(f[18], x, 1280, 1));
  return linear(s["classifier"][0], dropout(s["classifier"], x, o.drop), o.classes);
}

// Squeezing and expanding layers; -1 halves the map, and so does the stem.
struct SqueezeNet {
  int stem, window, stride;  // stride: of the blurs
  std::vector<int> squeeze;
};
Tensor squeezenet(Scope s, Tensor x, const SqueezeNet& m, int taps, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  Scope f = s["features"];
  x = relu(biased(f[0], x, m.stem, m.window, 2));
  int place = 2;
  for (int squeeze : m.squeeze) {
    if (squeeze < 0) {
      x = blur(f[place + 1], max_pool(x, 3, 1), taps, m.stride), place += 2;
      continue;
    }
    Scope fire = f[place++];
    x = relu(biased(fire["squeeze"], x, squeeze, 1));
    Tensor both[] = {relu(biased(fire["expand1x1"], x, 4 * squeeze, 1)),
                     relu(biased(fire["expand3x3"], x, 4 * squeeze, 3, 1, 1))};
    x = fire.out(concat(both, 3));
  }
  x = dropout(s["classifier"][0], x, o.drop > 0 ? o.drop : 0.5f);
  return global_avg_pool(relu(biased(s["classifier"][1], x, o.classes, 1)));
}

Tensor densenet(Scope s, Tensor x, const densenets::DenseNet& m, int taps, const ModelOptions& o) {
  densenets::DenseNet blurred = m;
  blurred.stem_blur = blurred.blur = taps;
  return densenets::densenet(s, x, blurred, o);
}

template <class Config>
struct Net {
  const char* name;
  Config config;
};
const Net<ResNet> resnets[] = {{"resnet18", {{2, 2, 2, 2}, false}},
                               {"resnet34", {{3, 4, 6, 3}, false}},
                               {"resnet50", {{3, 4, 6, 3}}},
                               {"resnet101", {{3, 4, 23, 3}}},
                               {"resnet152", {{3, 8, 36, 3}}},
                               {"resnext50_32x4d", {{3, 4, 6, 3}, true, 32, 4}},
                               {"resnext101_32x8d", {{3, 4, 23, 3}, true, 32, 8}}};
const Net<VGG> vggs[] = {{"vgg11", {{1, 1, 2, 2, 2}}},          {"vgg13", {{2, 2, 2, 2, 2}}},
                         {"vgg16", {{2, 2, 3, 3, 3}}},          {"vgg19", {{2, 2, 4, 4, 4}}},
                         {"vgg11_bn", {{1, 1, 2, 2, 2}, true}}, {"vgg13_bn", {{2, 2, 2, 2, 2}, true}},
                         {"vgg16_bn", {{2, 2, 3, 3, 3}, true}}, {"vgg19_bn", {{2, 2, 4, 4, 4}, true}}};
const Net<densenets::DenseNet> densenets_[] = {{"densenet121", {32, {6, 12, 24, 16}}},
                                               {"densenet169", {32, {6, 12, 32, 32}}},
                                               {"densenet201", {32, {6, 12, 48, 32}}},
                                               {"densenet161", {48, {6, 12, 36, 24}}}};
const Net<AlexNet> alexnets[] = {{"alexnet", {}}};
const Net<MobileNet> mobilenets[] = {{"mobilenet_v2", {}}};
const Net<SqueezeNet> squeezenets[] = {{"squeezenet1_0", {96, 7, 2, {-1, 16, 16, 32, -1, 32, 48, 48, 64, -1, 64}}},
                                       {"squeezenet1_1", {64, 3, 1, {-1, 16, 16, -1, 32, 32, -1, 48, 48, 64, 64}}}};

template <class Config>
void add(std::vector<Model>& r, std::span<const Net<Config>> nets,
         Tensor (*build)(Scope, Tensor, const Config&, int, const ModelOptions&)) {
  for (const Net<Config>& net : nets)
    for (int taps : {4, 2, 3, 5, 6, 7})
      r.push_back({.name = std::string("antialiased_") + net.name + (taps == 4 ? "" : "_f" + std::to_string(taps)),
                   .family = "antialiased",
                   .card = imagenet_card(224, 0.875f, "bilinear"),
                   .build = [&net, build, taps](Scope s, Tensor x, const ModelOptions& o) {
                     return build(s, x, net.config, taps, o);
                   }});
}

}  // namespace

std::vector<Model> models_of_antialiased() {
  std::vector<Model> r;
  add<ResNet>(r, resnets, resnet);
  add<VGG>(r, vggs, vgg);
  add<densenets::DenseNet>(r, densenets_, densenet);
  add<AlexNet>(r, alexnets, alexnet);
  add<MobileNet>(r, mobilenets, mobilenet);
  add<SqueezeNet>(r, squeezenets, squeezenet);
  return r;
}

}  // namespace fovea
