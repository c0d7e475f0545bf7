// Densely connected networks as values: what their variants differ in.
#pragma once
#include <array>

#include "models/registry.h"

namespace fovea {

namespace densenets {

struct DenseNet {
  int growth;
  std::array<int, 4> depths;
  bool deep_stem = false;
  int stem_blur = 0, blur = 0;  // taps of the blur that halves a map in the stem's pooling, between blocks; 0: no blur
};
Tensor densenet(Scope s, Tensor x, const DenseNet& m, const ModelOptions& o);  // [n,h,w,3] -> [n,classes]

}  // namespace densenets

}  // namespace fovea
