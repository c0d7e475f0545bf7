// VGG (arXiv:1409.1556), with and without batch normalisation. Names follow timm, where the fully connected layers are
// convolutions.
#include <algorithm>
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "nn/resize.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct VGG {
  std::array<int, 5> depths;
  bool norm = false;
};

Tensor conv(Scope s, Tensor x, int out, int window, Padding pad) {
  return conv(s, x, out, window, {.pad = pad, .bias = true, .init = fan_out_normal});
}

Tensor vgg(Scope s, Tensor x, const VGG& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  constexpr int kHidden = 4096, kWindow = 7, outs[] = {64, 128, 256, 512, 512};
  int layer = 0;
  for (size_t i = 0; i < 5; i++) {
    for (int j = 0; j < m.depths[i]; j++) {
      x = conv(s["features"][layer++], x, outs[i], 3, Padding::centred);
      if (m.norm) x = batch_norm(s["features"][layer++], x);
      x = relu(x), layer++;
    }
    s["features"][layer - 1].feature(x);
    x = max_pool(x, 2, 2), layer++;
  }
  s["features"][layer - 1].feature(x);
  Scope head = s["pre_logits"];
  if (x.h() < kWindow || x.w() < kWindow) x = adaptive_avg_pool(x, std::max(x.h(), kWindow), std::max(x.w(), kWindow));
  x = relu(conv(head["fc1"], x, kHidden, kWindow, Padding::none));
  x = relu(conv(head["fc2"], dropout(head, x, o.drop), kHidden, 1, Padding::none));
  return linear(s["head"]["fc"], dropout(s["head"], global_avg_pool(x), o.drop), o.classes);
}

const Variant<VGG> variants[] = {
    {"vgg11", {{1, 1, 2, 2, 2}}, imagenet_card(224, 0.875f, "bilinear")},
    {"vgg13", {{2, 2, 2, 2, 2}}, imagenet_card(224, 0.875f, "bilinear")},
    {"vgg16", {{2, 2, 3, 3, 3}}, imagenet_card(224, 0.875f, "bilinear")},
    {"vgg19", {{2, 2, 4, 4, 4}}, imagenet_card(224, 0.875f, "bilinear")},
    {"vgg11_bn", {{1, 1, 2, 2, 2}, true}, imagenet_card(224, 0.875f, "bilinear")},
    {"vgg13_bn", {{2, 2, 2, 2, 2}, true}, imagenet_card(224, 0.875f, "bilinear")},
    {"vgg16_bn", {{2, 2, 3, 3, 3}, true}, imagenet_card(224, 0.875f, "bilinear")},
    {"vgg19_bn", {{2, 2, 4, 4, 4}, true}, imagenet_card(224, 0.875f, "bilinear")},
};

}  // namespace

std::vector<Model> models_of_vgg() { return models_from<VGG>("vgg", variants, vgg); }

}  // namespace fovea
