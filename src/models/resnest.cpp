// ResNeSt (arXiv:2004.08955): split attention in the middle of bottlenecks. Names follow timm.
#include "models/cards.h"
#include "models/resnet.h"
#include "nn/conv_norm_act.h"
#include "nn/split_attention.h"
#include "ops/pool.h"

namespace fovea {

namespace {

using namespace resnets;

struct ResNeSt {
  ResNet net;
  int radix = 2;
  bool pool_first = false;  // maps are halved in front of the attention, not behind it
};

Tensor resnest(Scope s, Tensor x, const ResNeSt& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  auto branch = [&](Scope at, Tensor in, const Widths& width, int stride) {
    auto halve = [&](Tensor t, bool now) { return now && stride > 1 ? avg_pool(t, 3, stride, 1) : t; };
    Tensor y = conv_norm_act(at, in, width.first, 1, {.conv = "conv1", .norm = "bn1"});
    y = split_attention(at["conv2"], halve(y, m.pool_first), {.radix = m.radix, .groups = m.net.groups});
    return conv_norm_act(at, halve(y, !m.pool_first), width.out, 1, {.act = Act::none, .conv = "conv3", .norm = "bn3"});
  };
  return resnet(s, x, m.net, o, branch);
}

ResNet d(const std::array<int, 4>& depths, int width = 64, int groups = 1) {
  ResNet m = deep(bottleneck(depths));
  return m.base_width = width, m.groups = groups, m;
}
ResNet e(const std::array<int, 4>& depths) { return deep(bottleneck(depths), 64); }
Card bilinear(int size = 224) { return imagenet_card(size, 0.875f, "bilinear"); }

const Variant<ResNeSt> variants[] = {
    {"resnest14d", {d({1, 1, 1, 1})}, bilinear()},
    {"resnest26d", {d({2, 2, 2, 2})}, bilinear()},
    {"resnest50d", {d({3, 4, 6, 3})}, bilinear()},
    {"resnest101e", {e({3, 4, 23, 3})}, bilinear(256)},
    {"resnest200e", {e({3, 24, 36, 3})}, imagenet_card(320, 0.909f)},
    {"resnest269e", {e({3, 30, 48, 8})}, imagenet_card(416, 0.928f)},
    {"resnest50d_4s2x40d", {d({3, 4, 6, 3}, 40, 2), 4, true}, imagenet_card()},
    {"resnest50d_1s4x24d", {d({3, 4, 6, 3}, 24, 4), 1, true}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_resnest() { return models_from<ResNeSt>("resnest", variants, resnest); }

}  // namespace fovea
