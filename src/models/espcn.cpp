// ESPCN (arXiv:1609.05158): three convolutions at the low resolution whose channels become pixels, for luminance. Names
// follow an implementation that is not the authors'.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "nn/resize.h"
#include "ops/pointwise.h"

namespace fovea {

namespace {

struct Espcn {
  int times;
};

Tensor espcn(Scope s, Tensor x, const Espcn& m, const ModelOptions&) {  // [n,h,w,1] -> [n,times*h,times*w,1]
  auto layer = [&](const char* name, int out, int window) { return conv(s[name], x, out, window, {.bias = true}); };
  x = tanh(layer("conv1", 64, 5));
  x = tanh(layer("conv2", 32, 3));
  return sigmoid(pixel_shuffle(layer("conv3", m.times * m.times, 3), m.times));
}

Card card() {
  Card c = unit_card(64);
  c.channels = 1;
  return c;
}

const Variant<Espcn> variants[] = {
    {"espcn_x2", {2}, card()}, {"espcn_x3", {3}, card()}, {"espcn_x4", {4}, card()}, {"espcn_x8", {8}, card()}};

}  // namespace

std::vector<Model> models_of_espcn() {
  std::vector<Model> r = models_from<Espcn>("espcn", variants, espcn);
  for (Model& m : r) m.kind = ModelKind::network;
  return r;
}

}  // namespace fovea
