// RedNet (arXiv:2103.06255): bottlenecks with an involution in place of the 3x3 convolution. Names follow the paper's code.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/conv_norm_act.h"
#include "nn/involution.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

using Depths = std::array<int, 4>;

Tensor conv(Scope s, Tensor x, int out, int stride = 1) {
  return conv(s, x, out, 1, {.stride = stride, .init = fan_out_normal});
}

Tensor block(Scope s, Tensor x, int out, int stride, float drop) {  // [n,h,w,c] -> [n,h/stride,w/stride,out]
  constexpr int kWindow = 7;
  Tensor y = relu(batch_norm(s["bn1"], conv(s["conv1"], x, out / 4)));
  y = relu(batch_norm(s["bn2"], involution(s["conv2"], y, kWindow, stride)));
  y = batch_norm(s["bn3"], conv(s["conv3"], y, out), 1e-5f, 0);
  if (stride > 1 || x.c() != out) x = batch_norm(s["downsample"][1], conv(s["downsample"][0], x, out, stride));
  return s.out(relu(drop_path(s, y, drop) + x));
}

Tensor rednet(Scope s, Tensor x, const Depths& depths, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  Scope body = s["backbone"], stem = body["stem"];
  x = conv_norm_act(stem[0], x, 32, 3, {.stride = 2});
  x = relu(batch_norm(stem[2], involution(stem[1], x, 3)));
  x = max_pool(conv_norm_act(stem[4], x, 64, 3), 3, 2, 1);
  DropRamp drop(o.drop_path, depths);
  for (int stage = 0; stage < 4; stage++)
    for (int i = 0; i < depths[static_cast<size_t>(stage)]; i++) {
      int stride = stage > 0 && i == 0 ? 2 : 1;
      x = block(body["layer" + std::to_string(stage + 1)][i], x, 256 << stage, stride, drop.next());
    }
  return linear(s["head"]["fc"], dropout(s["head"], global_avg_pool(x), o.drop), o.classes);
}

const Variant<Depths> variants[] = {
    {"rednet26", {1, 2, 4, 1}, imagenet_card()},   {"rednet38", {2, 3, 5, 2}, imagenet_card()},
    {"rednet50", {3, 4, 6, 3}, imagenet_card()},   {"rednet101", {3, 4, 23, 3}, imagenet_card()},
    {"rednet152", {3, 8, 36, 3}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_rednet() { return models_from<Depths>("rednet", variants, rednet); }

}  // namespace fovea
