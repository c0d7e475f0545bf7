// Res2Net (arXiv:1904.01169): the middle of a bottleneck is a chain of small convolutions on shares of the channels. Names
// follow timm.
#include "models/cards.h"
#include "models/resnet.h"
#include "nn/conv_norm_act.h"
#include "nn/scaled_conv.h"

namespace fovea {

namespace {

using namespace resnets;

struct Res2Net {
  ResNet net;
  int scales = 4;
};

Tensor res2net(Scope s, Tensor x, const Res2Net& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  auto branch = [&](Scope at, Tensor in, const Widths& width, int stride) {
    ScaledConv middle{m.scales, stride, m.net.groups, stride > 1 || in.c() != width.out};
    Tensor y = conv_norm_act(at, in, width.first * m.scales, 1, {.conv = "conv1", .norm = "bn1"});
    return conv_norm_act(at, scaled_conv(at, y, middle), width.out, 1, {.act = Act::none, .conv = "conv3", .norm = "bn3"});
  };
  return resnet(s, x, m.net, o, branch);
}

ResNet of(ResNet m, int width, int groups = 1) { return m.base_width = width, m.groups = groups, m; }
ResNet r50() { return bottleneck({3, 4, 6, 3}); }
ResNet r101() { return bottleneck({3, 4, 23, 3}); }
Card card() { return imagenet_card(224, 0.875f, "bilinear"); }

const Variant<Res2Net> variants[] = {
    {"res2net50_26w_4s", {of(r50(), 26)}, card()},    {"res2net50_26w_6s", {of(r50(), 26), 6}, card()},
    {"res2net50_26w_8s", {of(r50(), 26), 8}, card()}, {"res2net50_48w_2s", {of(r50(), 48), 2}, card()},
    {"res2net50_14w_8s", {of(r50(), 14), 8}, card()}, {"res2net50d", {deep(of(r50(), 26))}, card()},
    {"res2net101_26w_4s", {of(r101(), 26)}, card()},  {"res2net101d", {deep(of(r101(), 26))}, card()},
    {"res2next50", {of(r50(), 4, 8)}, card()},
};

}  // namespace

std::vector<Model> models_of_res2net() { return models_from<Res2Net>("res2net", variants, res2net); }

}  // namespace fovea
