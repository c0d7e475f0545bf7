#include "nn/scaled_conv.h"

#include <algorithm>

#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"

namespace fovea {

Tensor scaled_conv(Scope s, Tensor x, const ScaledConv& a) {
  int width = x.c() / a.scales;
  std::vector<Tensor> parts;
  for (int i = 0; i < std::max(1, a.scales - 1); i++) {
    Tensor y = slice(x, 3, i * width, width);
    if (i > 0 && !a.separate) y = y + parts.back();
    y = conv(s["convs"][i], y, width, 3, {.stride = a.stride, .groups = a.groups, .init = fan_out_normal});
    parts.push_back(relu(batch_norm(s["bns"][i], y)));
  }
  if (a.scales > 1) {
    Tensor rest = slice(x, 3, (a.scales - 1) * width, width);
    parts.push_back(a.separate ? avg_pool(rest, 3, a.stride, 1) : rest);
  }
  return concat(parts, 3);
}

}  // namespace fovea
