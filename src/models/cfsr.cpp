// CFSR (arXiv:2401.05633): super-resolution by large depthwise convolutions as gates and layers that keep edges, whose fixed
// edge filters are merged for use. Names follow the authors' implementation.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "nn/resize.h"
#include "ops/conv2d.h"
#include "ops/gather.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct Cfsr {
  int times;
  bool edges = false;  // as it is trained: edge filters beside the 3x3 convolutions
};

Tensor layer(Scope s, Tensor x, int out, int window = 1, int groups = 1) {
  return conv(s, x, out, window, {.groups = groups, .bias = true});
}

// The authors' filters, of which only the second is the textbook's.
using Filter = std::array<float, 9>;
constexpr Filter sobel_x = {0, 1, -1, 2, 0, -2, 1, 0, -1}, sobel_y = {1, 2, 1, 0, 0, 0, -1, -2, -1},
                 laplacian = {1, 0, 0, 1, -4, 1, 0, 1, 0};

// A fixed filter times a learned factor for each channel. [n,h,w,c] -> same.
Tensor edges(Scope s, Tensor x, const std::string& name, const Filter& filter) {
  int c = x.c();
  Tensor kernel = s.param("scale_" + name, {c, 1, 1, 1}, normal(1e-3f)) * reshape(numbers(s.graph(), filter), {1, 3, 3, 1});
  return conv2d(x, kernel, {.pad = 1, .groups = c}) + s.param(name + "_bias", {c}, normal(1e-3f));
}

Tensor mix(Scope s, Tensor x) {  // [n,h,w,c] -> same
  int c = x.c();
  x = layer_norm(s["norm"], x);
  Tensor gate = layer(s["a"][2]["lkb_reparam"], gelu(layer(s["a"][0], x, c)), c, 9, c);
  return layer(s["proj"], gate * layer(s["v"], x, c), c);
}

Tensor feed_forward(Scope s, Tensor x, bool trained) {  // [n,h,w,c] -> same
  int c = x.c(), hidden = 2 * c;
  x = gelu(layer(s["fc1"], layer_norm(s["norm"], x), hidden));
  Tensor y = layer(s["pos"], x, hidden, 3, hidden);
  if (trained)
    y = y + edges(s, x, "sobel_x", sobel_x) + edges(s, x, "sobel_y", sobel_y) + edges(s, x, "laplacian", laplacian);
  return layer(s["fc2"], x + gelu(y), c);
}

Tensor block(Scope s, Tensor x, bool trained) {  // [n,h,w,c] -> same
  x = x + layer_scale(s, mix(s["attn"], x), "layer_scale_1", 1e-6f);
  return s.out(x + layer_scale(s, feed_forward(s["mlp"], x, trained), "layer_scale_2", 1e-6f));
}

Tensor cfsr(Scope s, Tensor image, const Cfsr& m, const ModelOptions&) {  // [n,h,w,3] -> [n,times*h,times*w,3]
  constexpr std::array<float, 3> mean = {0.4488f, 0.4371f, 0.4040f};
  int c = image.c();
  Tensor offset = c == 3 ? numbers(s.graph(), mean) : full(s.graph(), {c}, 0);
  Tensor first = layer(s["conv_first"], image - offset, 48, 3), x = first;
  for (int i = 0; i < 2; i++) {
    Scope stage = s["layers"][i];
    for (int j = 0; j < 6; j++) x = block(stage["blocks"][j], x, m.edges);
    x = layer(stage["conv"], x, 48) + x;
  }
  x = layer(s["conv_after_body"], layer_norm(s["norm"], x), 48, 3) + first;
  return pixel_shuffle(layer(s["upsample"][0], x, c * m.times * m.times, 3), m.times) + offset;
}

const Variant<Cfsr> variants[] = {
    {"cfsr_x2", {2}, unit_card(64)},
    {"cfsr_x3", {3}, unit_card(64)},
    {"cfsr_x4", {4}, unit_card(64)},
    {"cfsr_x2_trainform", {2, true}, unit_card(64)},
    {"cfsr_x3_trainform", {3, true}, unit_card(64)},
    {"cfsr_x4_trainform", {4, true}, unit_card(64)},
};

}  // namespace

std::vector<Model> models_of_cfsr() {
  std::vector<Model> r = models_from<Cfsr>("cfsr", variants, cfsr);
  for (Model& m : r) m.kind = ModelKind::network;
  return r;
}

}  // namespace fovea
