// Fully connected networks on whole pictures or on tables: the three-layer sigmoid network of batch normalisation's first
// experiment (arXiv:1502.03167, section 4.1), and deep ones with each of the ways to keep values in range: self-normalising
// (arXiv:1706.02515), rectified (arXiv:1502.01852), batch-normalised.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct FullyConnected {
  int layers, width;
  Act act;
  InitRule init;
  bool norm = false;
};

Tensor fully_connected(Scope s, Tensor x, const FullyConnected& m, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  x = reshape(x, {x.n(), -1});
  for (int i = 0; i < m.layers; i++) {
    Scope at = s["layers"][i];
    x = linear(at["fc"], x, m.width, {.bias = !m.norm, .init = m.init});
    if (m.norm) x = batch_norm(at["norm"], x);
    x = activation(x, m.act);  // [n,width]
    x = at.out(m.act == Act::selu ? alpha_dropout(at, x, o.drop) : dropout(at, x, o.drop));
  }
  return linear(s["head"], x, o.classes, {.init = m.init});
}

Init small_normal(const Shape&, int) { return normal(0.1f); }

const Variant<FullyConnected> variants[] = {
    {"sigmoid_mlp", {3, 100, Act::sigmoid, small_normal}, digits_card()},
    {"sigmoid_mlp_bn", {3, 100, Act::sigmoid, small_normal, true}, digits_card()},
    {"fc16_selu", {16, 128, Act::selu, lecun_normal}, digits_card()},
    {"fc16_relu", {16, 128, Act::relu, fan_in_normal}, digits_card()},
    {"fc16_bn", {16, 128, Act::relu, fan_in_normal, true}, digits_card()},
};

}  // namespace

std::vector<Model> models_of_fully_connected() {
  return models_from<FullyConnected>("fully_connected", variants, fully_connected, 10);
}

}  // namespace fovea
