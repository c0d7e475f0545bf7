// InceptionNeXt (arXiv:2303.16900): ConvNeXt's blocks with the large depthwise window taken apart into a square, a row and
// a column on a few channels each; the other channels pass. Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct InceptionNext {
  std::array<int, 4> depths, dims;
  int band = 11;   // length of the row and of the column
  int branch = 8;  // a branch has this part of the channels
  std::array<int, 4> expand = {4, 4, 4, 3};
};

Tensor biased(Scope s, Tensor x, int out, Pair window, int stride = 1, int groups = 1) {
  Padding pad = stride > 1 ? Padding::none : Padding::centred;
  return conv(s, x, out, window, {.stride = stride, .pad = pad, .groups = groups, .bias = true, .init = truncated_normal});
}

Tensor mixer(Scope s, Tensor x, const InceptionNext& m) {  // [n,h,w,c] -> same
  int c = x.c(), part = c / m.branch, at = c - 3 * part;
  std::vector<Tensor> branches{slice(x, 3, 0, at)};
  auto add = [&](const char* name, Pair window) {
    branches.push_back(biased(s[name], slice(x, 3, at, part), part, window, 1, part));
    at += part;
  };
  add("dwconv_hw", 3), add("dwconv_w", {1, m.band}), add("dwconv_h", {m.band, 1});
  return concat(branches, 3);
}

Tensor block(Scope s, Tensor x, int expand, const InceptionNext& m, float drop) {  // [n,h,w,c] -> same
  Tensor y = batch_norm(s["norm"], mixer(s["token_mixer"], x, m));
  y = gelu(biased(s["mlp"]["fc1"], y, expand * x.c(), 1));
  y = layer_scale(s, biased(s["mlp"]["fc2"], y, x.c(), 1), "gamma", 1e-6f);
  return s.out(x + drop_path(s, y, drop));
}

Tensor inception_next(Scope s, Tensor x, const InceptionNext& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = batch_norm(s["stem"][1], biased(s["stem"][0], x, m.dims[0], 4, 4));
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 4; i++) {
    Scope stage = s["stages"][static_cast<int>(i)], down = stage["downsample"];
    if (i > 0) x = biased(down[1], batch_norm(down[0], x), m.dims[i], 2, 2);
    for (int j = 0; j < m.depths[i]; j++) x = block(stage["blocks"][j], x, m.expand[i], m, drop.next());
  }
  Scope head = s["head"];
  x = gelu(linear(head["fc1"], global_avg_pool(x), 3 * x.c(), {.init = truncated_normal}));
  x = dropout(head, layer_norm(head["norm"], x), o.drop);
  return linear(head["fc2"], x, o.classes, {.init = truncated_normal});
}

const Variant<InceptionNext> variants[] = {
    {"inception_next_atto", {{2, 2, 6, 2}, {40, 80, 160, 320}, 9, 4}, imagenet_card()},
    {"inception_next_tiny", {{3, 3, 9, 3}, {96, 192, 384, 768}}, imagenet_card()},
    {"inception_next_small", {{3, 3, 27, 3}, {96, 192, 384, 768}}, imagenet_card()},
    {"inception_next_base", {{3, 3, 27, 3}, {128, 256, 512, 1024}}, imagenet_card(224, 0.95f)},
};

}  // namespace

std::vector<Model> models_of_inception_next() {
  return models_from<InceptionNext>("inception_next", variants, inception_next);
}

}  // namespace fovea
