#include "nn/rep_conv.h"

#include <fmt/format.h>

#include "ops/pointwise.h"

namespace fovea {

Tensor dilated_reparam(Scope s, Tensor x, int window, std::span<const SmallConv> small, float eps) {
  auto branch = [&](const std::string& name, const std::string& norm, const SmallConv& a) {
    ConvOptions o{.dilation = a.dilation, .groups = x.c(), .init = truncated_normal};
    return batch_norm(s[norm], conv(s[name], x, x.c(), a.window, o), eps);
  };
  Tensor y = branch("lk_origin", "origin_bn", {window});
  for (const SmallConv& a : small) {
    std::string place = fmt::format("k{}_{}", a.window, a.dilation);
    y = y + branch("dil_conv_" + place, "dil_bn_" + place, a);
  }
  return y;
}

}  // namespace fovea
