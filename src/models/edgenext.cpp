// EdgeNeXt (arXiv:2206.10589): ConvNeXt's blocks, and ones that split the channels, convolve them in a cascade and let them
// look at each other. Names follow timm.
#include <algorithm>
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/attention_forms.h"
#include "nn/transformer.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

using Four = std::array<int, 4>;
struct EdgeNeXt {
  Four depths, dims;
  int heads = 8;
  bool rw = false;  // timm's own: the depthwise convolution of a stage's first block halves the map; no biases; larger stem
};
constexpr Four kWindows = {3, 5, 7, 9}, kScales = {2, 2, 3, 4};

Tensor conv(Scope s, Tensor x, int out, int window, int stride, int groups, const EdgeNeXt& m) {
  Padding pad = window > stride ? Padding::centred : Padding::none;
  return conv(s, x, out, window, {.stride = stride, .pad = pad, .groups = groups, .bias = !m.rw, .init = truncated_normal});
}

Tensor feed_forward(Scope s, Tensor shortcut, Tensor x, float drop) {
  Tensor y = mlp(s["mlp"], layer_norm(s["norm"], x), 4 * x.c());
  return s.out(shortcut + drop_path(s["mlp"], layer_scale(s, y, "gamma", 1e-6f), drop));
}

Tensor conv_block(Scope s, Tensor x, int out, int window, int stride, const EdgeNeXt& m, float drop) {
  Tensor y = conv(s["conv_dw"], x, out, window, stride, x.c(), m);
  return feed_forward(s, stride > 1 ? y : x, y, drop);
}

// All shares of the channels but the last go through convolutions, each with what the one before made.
Tensor cascade(Scope s, Tensor x, int scales, const EdgeNeXt& m) {  // [n,h,w,c] -> same
  int count = std::max(scales, 2), width = (x.c() + count - 1) / count;
  std::vector<Tensor> made;
  for (int i = 0; i < count - 1; i++) {
    Tensor share = slice(x, 3, i * width, width);
    made.push_back(conv(s[i], i > 0 ? made.back() + share : share, width, 3, 1, width, m));
  }
  int done = (count - 1) * width;
  made.push_back(slice(x, 3, done, x.c() - done));
  return concat(made, 3);
}

Tensor attentive_block(Scope s, Tensor x, size_t stage, const EdgeNeXt& m, float drop) {  // [n,h,w,c] -> same
  Tensor y = cascade(s["convs"], x, kScales[stage], m);
  if (stage == 1) y = y + fourier_position(s["pos_embd"], y, y.c());
  Tensor tokens = reshape(layer_norm(s["norm_xca"], y), {x.n(), -1, x.c()});
  Tensor seen = reshape(cross_covariance(s["xca"], tokens, m.heads), x.shape());
  y = y + drop_path(s["xca"], layer_scale(s, seen, "gamma_xca", 1e-6f), drop);
  return feed_forward(s, x, y, drop);
}

Tensor edgenext(Scope s, Tensor x, const EdgeNeXt& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = layer_norm(s["stem"][1], conv(s["stem"][0], x, m.dims[0], m.rw ? 9 : 4, 4, 1, m));
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 4; i++) {
    Scope stage = s["stages"][static_cast<int>(i)], down = stage["downsample"];
    if (i > 0 && !m.rw) x = conv(down[1], layer_norm(down[0], x), m.dims[i], 2, 2, 1, m);
    for (int j = 0; j < m.depths[i]; j++) {
      Scope at = stage["blocks"][j];
      int stride = i > 0 && j == 0 && m.rw ? 2 : 1;
      bool attentive = i > 0 && j == m.depths[i] - 1;
      x = attentive ? attentive_block(at, x, i, m, drop.next())
                    : conv_block(at, x, m.dims[i], kWindows[i], stride, m, drop.next());
    }
  }
  Scope head = s["head"];
  x = dropout(head, layer_norm(head["norm"], global_avg_pool(x)), o.drop);
  return linear(head["fc"], x, o.classes, {.init = truncated_normal});
}

const Variant<EdgeNeXt> variants[] = {
    {"edgenext_xx_small", {{2, 2, 6, 2}, {24, 48, 88, 168}, 4}, imagenet_card(256, 0.9f)},
    {"edgenext_x_small", {{3, 3, 9, 3}, {32, 64, 100, 192}, 4}, imagenet_card(256, 0.9f)},
    {"edgenext_small", {{3, 3, 9, 3}, {48, 96, 160, 304}}, imagenet_card(256, 0.95f)},
    {"edgenext_base", {{3, 3, 9, 3}, {80, 160, 288, 584}}, imagenet_card(256, 0.95f)},
    {"edgenext_small_rw", {{3, 3, 9, 3}, {48, 96, 192, 384}, 8, true}, imagenet_card(256, 0.9f)},
};

}  // namespace

std::vector<Model> models_of_edgenext() { return models_from<EdgeNeXt>("edgenext", variants, edgenext); }

}  // namespace fovea
