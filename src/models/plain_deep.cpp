// Convolutions one after the other, without shortcuts or normalisation: what initialisation and PReLU were made for
// (arXiv:1502.01852).
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct PlainDeep {
  std::array<int, 3> depths, widths;  // of stages that begin with stride 2
  InitRule init;
  bool prelu = false;
};

Tensor plain_deep(Scope s, Tensor x, const PlainDeep& m, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  for (size_t i = 0; i < 3; i++)
    for (int j = 0; j < m.depths[i]; j++) {  // [n,h/2,w/2,widths[0]], ...
      Scope at = s["stages"][static_cast<int>(i)][j];
      x = conv(at["conv"], x, m.widths[i], 3, {.stride = j == 0 ? 2 : 1, .bias = true, .init = m.init});
      x = at.out(m.prelu ? prelu(at["act"], x) : relu(x));
    }
  return linear(s["head"], dropout(s["head"], global_avg_pool(x), o.drop), o.classes);
}

const Variant<PlainDeep> variants[] = {
    {"plain30_he", {{6, 10, 13}, {32, 48, 64}, fan_in_normal}, digits_card()},
    {"plain30_xavier", {{6, 10, 13}, {32, 48, 64}, xavier_normal}, digits_card()},
    {"plain7_relu", {{1, 1, 4}, {32, 96, 160}, fan_in_normal}, imagenet_card(32, 1)},
    {"plain7_prelu", {{1, 1, 4}, {32, 96, 160}, prelu_normal, true}, imagenet_card(32, 1)},
};

}  // namespace

std::vector<Model> models_of_plain_deep() { return models_from<PlainDeep>("plain_deep", variants, plain_deep, 10); }

}  // namespace fovea
