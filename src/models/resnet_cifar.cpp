// Residual networks for CIFAR-10 as the first paper has them (arXiv:1512.03385, section 4.2): three stages of basic
// blocks; a shortcut that changes shape drops every other pixel and pads with zero channels (option A). Names follow
// github.com/akamaster/pytorch_resnet_cifar10, whose weights they load.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct ResNetCifar {
  int blocks;  // in each stage; depth = 6 * blocks + 2
};

Tensor conv3x3(Scope s, Tensor x, int out, int stride) {
  return conv(s, x, out, 3, {.stride = stride, .init = fan_out_normal});
}

Tensor shortcut(Scope s, Tensor x, int out, int stride) {
  if (stride == 1 && x.c() == out) return x;
  int side = (out - x.c()) / 2;
  return s.own([&] {
    Tensor half = slice(slice(x, 1, 0, (x.h() + 1) / 2, 2), 2, 0, (x.w() + 1) / 2, 2);
    return pad(half, {0, 0, 0, side}, {0, 0, 0, side});
  });
}

Tensor block(Scope s, Tensor x, int out, int stride, float drop) {  // [n,h,w,c] -> [n,h/stride,w/stride,out]
  Tensor y = relu(batch_norm(s["bn1"], conv3x3(s["conv1"], x, out, stride)));
  y = batch_norm(s["bn2"], conv3x3(s["conv2"], y, out, 1));
  return s.out(relu(shortcut(s, x, out, stride) + drop_path(s, y, drop)));
}

Tensor resnet_cifar(Scope s, Tensor x, const ResNetCifar& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = relu(batch_norm(s["bn1"], conv3x3(s["conv1"], x, 16, 1)));
  for (int stage = 0, index = 0; stage < 3; stage++)
    for (int i = 0; i < m.blocks; i++, index++) {
      Scope at = s["layer" + std::to_string(stage + 1)][i];
      x = block(at, x, 16 << stage, stage > 0 && i == 0 ? 2 : 1, drop_rate(o.drop_path, index, 3 * m.blocks));
    }
  Tensor features = global_avg_pool(x);  // [n,64]
  return linear(s["linear"], dropout(s["linear"], features, o.drop), o.classes);
}

const Variant<ResNetCifar> variants[] = {
    {"resnet8_cifar", {1}, imagenet_card(32, 1)},  {"resnet20_cifar", {3}, imagenet_card(32, 1)},
    {"resnet32_cifar", {5}, imagenet_card(32, 1)}, {"resnet44_cifar", {7}, imagenet_card(32, 1)},
    {"resnet56_cifar", {9}, imagenet_card(32, 1)}, {"resnet110_cifar", {18}, imagenet_card(32, 1)},
};

}  // namespace

std::vector<Model> models_of_resnet_cifar() { return models_from<ResNetCifar>("resnet_cifar", variants, resnet_cifar, 10); }

}  // namespace fovea
