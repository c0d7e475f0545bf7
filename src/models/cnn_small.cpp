// Small networks of our own for small pictures, to be trained in minutes on a laptop: a plain one for digits and
// garments, and the nine-layer residual network of DAWNBench's CIFAR-10 entries (David Page, "How to train your ResNet").
#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

Tensor conv_norm_relu(Scope s, Tensor x, int out, int stride = 1) {
  x = conv(s["conv"], x, out, 3, {.stride = stride, .init = fan_out_normal});
  return s.out(relu(batch_norm(s["norm"], x)));
}

struct Plain {
  int width;  // of the first map
};
Tensor plain(Scope s, Tensor x, const Plain& m, const ModelOptions& o) {  // [n,28,28,1] -> [n,classes]
  x = conv_norm_relu(s["stem"], x, m.width);
  for (int i = 1; i <= 2; i++) {  // [n,14,14,2*width], [n,7,7,4*width]
    Scope stage = s["stage" + std::to_string(i)];
    x = conv_norm_relu(stage[0], x, m.width << i, 2);
    x = conv_norm_relu(stage[1], x, m.width << i);
  }
  return linear(s["head"], dropout(s["head"], global_avg_pool(x), o.drop), o.classes);
}

struct ResNet9 {
  int width;
};
Tensor resnet9(Scope s, Tensor x, const ResNet9& m, const ModelOptions& o) {  // [n,32,32,3] -> [n,classes]
  x = conv_norm_relu(s["stem"], x, m.width);
  for (int i = 1; i <= 3; i++) {  // [n,16,16,2*width], [n,8,8,4*width], [n,4,4,8*width]
    Scope stage = s["stage" + std::to_string(i)];
    x = max_pool(conv_norm_relu(stage[0], x, m.width << i), 2, 2);
    if (i != 2) x = x + conv_norm_relu(stage[2], conv_norm_relu(stage[1], x, x.c()), x.c());
  }
  x = max_pool(x, Pair(x.h(), x.w()), 1);
  return linear(s["head"], dropout(s["head"], reshape(x, {x.n(), x.c()}), o.drop), o.classes);
}

const Variant<Plain> plains[] = {{"cnn_mnist", {16}, digits_card()}, {"cnn_mnist_wide", {32}, digits_card()}};
const Variant<ResNet9> resnets[] = {{"resnet9_cifar", {64}, imagenet_card(32, 1)},
                                    {"resnet9_cifar_half", {32}, imagenet_card(32, 1)}};

}  // namespace

std::vector<Model> models_of_cnn_small() {
  std::vector<Model> r = models_from<Plain>("cnn_small", plains, plain, 10);
  for (Model& m : models_from<ResNet9>("cnn_small", resnets, resnet9, 10)) r.push_back(std::move(m));
  return r;
}

}  // namespace fovea
