// ConvMixer (arXiv:2201.09792): patches, then residual depthwise convolutions and 1x1 ones in turn. Names follow timm.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct ConvMixer {
  int dim, depth, window, patch;
  Act act = Act::gelu;
};

// A convolution at place `first`, its activation and norm after it.
Tensor layer(Scope s, int first, Tensor x, const ConvMixer& m, int window, const ConvOptions& o) {
  return batch_norm(s[first + 2], activation(conv(s[first], x, m.dim, window, o), m.act));
}

Tensor convmixer(Scope s, Tensor x, const ConvMixer& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = layer(s["stem"], 0, x, m, m.patch, {.stride = m.patch, .pad = Padding::none, .bias = true});
  for (int i = 0; i < m.depth; i++) {
    Scope at = s["blocks"][i];
    x = x + layer(at[0]["fn"], 0, x, m, m.window, {.groups = m.dim, .bias = true});
    x = at.out(layer(at, 1, x, m, 1, {.bias = true}));
  }
  return linear(s["head"], dropout(s["head"], global_avg_pool(x), o.drop), o.classes);
}

const Variant<ConvMixer> variants[] = {
    {"convmixer_1536_20", {1536, 20, 9, 7}, imagenet_card(224, 0.96f)},
    {"convmixer_768_32", {768, 32, 7, 7, Act::relu}, imagenet_card(224, 0.96f)},
    {"convmixer_1024_20_ks9_p14", {1024, 20, 9, 14}, imagenet_card(224, 0.96f)},
};

}  // namespace

std::vector<Model> models_of_convmixer() { return models_from<ConvMixer>("convmixer", variants, convmixer); }

}  // namespace fovea
