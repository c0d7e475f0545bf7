// ResNet and VGG whose convolutions leave padding out of their mean (arXiv:1811.11718). Names follow the paper's code, and
// with it torchvision.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/flatten.h"
#include "nn/partial_conv.h"
#include "nn/resize.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct ResNet {
  std::array<int, 4> depths;
  bool bottleneck = true;
};

Tensor conv(Scope s, Tensor x, int out, int window, int stride = 1) {
  return partial_conv(s, x, out, window, {.stride = stride, .init = fan_out_normal});
}

Tensor block(Scope s, Tensor x, int width, int stride, const ResNet& m, float drop) {
  int out = m.bottleneck ? 4 * width : width;
  auto layer = [&](const std::string& i, Tensor t, int channels, int window, int step) {
    return batch_norm(s["bn" + i], conv(s["conv" + i], t, channels, window, step));
  };
  Tensor y;
  if (m.bottleneck)
    y = layer("3", relu(layer("2", relu(layer("1", x, width, 1, 1)), width, 3, stride)), out, 1, 1);
  else
    y = layer("2", relu(layer("1", x, width, 3, stride)), width, 3, 1);
  if (stride > 1 || x.c() != out) x = batch_norm(s["downsample"][1], conv(s["downsample"][0], x, out, 1, stride));
  return s.out(relu(drop_path(s, y, drop) + x));
}

Tensor resnet(Scope s, Tensor x, const ResNet& m, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  x = max_pool(relu(batch_norm(s["bn1"], conv(s["conv1"], x, 64, 7, 2))), 3, 2, 1);
  DropRamp drop(o.drop_path, m.depths);
  for (int stage = 0; stage < 4; stage++)
    for (int i = 0; i < m.depths[static_cast<size_t>(stage)]; i++) {
      int stride = stage > 0 && i == 0 ? 2 : 1;
      x = block(s["layer" + std::to_string(stage + 1)][i], x, 64 << stage, stride, m, drop.next());
    }
  return linear(s["fc"], dropout(s["fc"], global_avg_pool(x), o.drop), o.classes);
}

struct VGG {
  std::array<int, 5> depths;
  bool norm = false;
};

Tensor vgg(Scope s, Tensor x, const VGG& m, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  constexpr int kHidden = 4096, kSide = 7, outs[] = {64, 128, 256, 512, 512};
  int layer = 0;
  for (size_t i = 0; i < 5; i++) {
    for (int j = 0; j < m.depths[i]; j++) {
      x = partial_conv(s["features"][layer++], x, outs[i], 3, {.bias = true, .init = fan_out_normal});
      if (m.norm) x = batch_norm(s["features"][layer++], x);
      x = relu(x), layer++;
    }
    s["features"][layer - 1].feature(x);
    x = max_pool(x, 2, 2), layer++;
  }
  Scope head = s["classifier"];
  x = dropout(head[2], relu(linear(head[0], flatten(adaptive_avg_pool(x, kSide, kSide)), kHidden)), 0.5f);
  x = dropout(head[5], relu(linear(head[3], x, kHidden)), 0.5f);
  return linear(head[6], dropout(head, x, o.drop), o.classes);
}

const Variant<ResNet> resnets[] = {
    {"pd_resnet18", {{2, 2, 2, 2}, false}, imagenet_card()}, {"pd_resnet34", {{3, 4, 6, 3}, false}, imagenet_card()},
    {"pd_resnet50", {{3, 4, 6, 3}}, imagenet_card()},        {"pd_resnet101", {{3, 4, 23, 3}}, imagenet_card()},
    {"pd_resnet152", {{3, 8, 36, 3}}, imagenet_card()},
};
const Variant<VGG> vggs[] = {
    {"pd_vgg11", {{1, 1, 2, 2, 2}}, imagenet_card()},          {"pd_vgg13", {{2, 2, 2, 2, 2}}, imagenet_card()},
    {"pd_vgg16", {{2, 2, 3, 3, 3}}, imagenet_card()},          {"pd_vgg19", {{2, 2, 4, 4, 4}}, imagenet_card()},
    {"pd_vgg11_bn", {{1, 1, 2, 2, 2}, true}, imagenet_card()}, {"pd_vgg13_bn", {{2, 2, 2, 2, 2}, true}, imagenet_card()},
    {"pd_vgg16_bn", {{2, 2, 3, 3, 3}, true}, imagenet_card()}, {"pd_vgg19_bn", {{2, 2, 4, 4, 4}, true}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_partial_padding() {
  std::vector<Model> r = models_from<ResNet>("partial_padding", resnets, resnet);
  for (Model& m : models_from<VGG>("partial_padding", vggs, vgg)) r.push_back(m);
  return r;
}

}  // namespace fovea
