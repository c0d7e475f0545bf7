// SKNet (arXiv:1903.06586): bottlenecks that choose between two windows. Names follow timm.
#include "models/cards.h"
#include "models/resnet.h"
#include "nn/conv_norm_act.h"
#include "nn/split_attention.h"

namespace fovea {

namespace {

using namespace resnets;

struct SKNet {
  ResNet net;
  double ratio = 1.0 / 16;
  int divisor = 8;
  bool split = true;
};

Tensor sknet(Scope s, Tensor x, const SKNet& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  auto branch = [&](Scope at, Tensor in, const Widths& width, int stride) {
    SelectiveKernel middle{width.second, stride, m.net.groups, m.ratio, m.divisor, m.split};
    if (m.net.kinds[0] == Kind::basic)
      return conv_norm_act(at["conv2"], selective_kernel(at["conv1"], in, middle), width.out, 3, {.act = Act::none});
    Tensor y = selective_kernel(at["conv2"], conv_norm_act(at["conv1"], in, width.first, 1), middle);
    return conv_norm_act(at["conv3"], y, width.out, 1, {.act = Act::none});
  };
  return resnet(s, x, m.net, o, branch);
}

SKNet basic(const std::array<int, 4>& depths) {
  constexpr Kind B = Kind::basic;
  return {{.depths = depths, .kinds = {B, B, B, B}}, 1.0 / 8, 16};
}
ResNet next(ResNet m) { return m.groups = 32, m.base_width = 4, m; }
ResNet r50() { return bottleneck({3, 4, 6, 3}); }

const Variant<SKNet> variants[] = {
    {"skresnet18", basic({2, 2, 2, 2}), imagenet_card()},
    {"skresnet34", basic({3, 4, 6, 3}), imagenet_card()},
    {"skresnet50", {r50()}, imagenet_card()},
    {"skresnet50d", {deep(r50())}, imagenet_card()},
    {"skresnext50_32x4d", {next(r50()), 1.0 / 16, 32, false}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_sknet() { return models_from<SKNet>("sknet", variants, sknet); }

}  // namespace fovea
