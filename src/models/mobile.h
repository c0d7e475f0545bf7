// Families that are tables of mobile networks.
#pragma once
#include "models/registry.h"
#include "nn/mobile.h"

namespace fovea {

inline std::vector<Model> mobile_models(const char* family, std::span<const Variant<MobileNet>> table, int classes = 1000) {
  return models_from<MobileNet>(
      family, table,
      +[](Scope s, Tensor x, const MobileNet& m, const ModelOptions& o) {
        return mobile_net(s, x, m, {o.classes, o.drop, o.drop_path});
      },
      classes);
}

}  // namespace fovea
