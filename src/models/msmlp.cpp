// MS-MLP (arXiv:2202.06510): groups of channels are shifted and mixed, the farther the wider. Names follow the authors'
// implementation.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "nn/windows.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct MsMlp {
  std::array<int, 4> depths;
  int dim;  // of the first stage, twice as many in each that follows
};
using Windows = std::array<int, 5>;  // of the groups, which are shifted by -2, -1, 0, 1, 2 pixels

Tensor embed(Scope s, Tensor x, int out, int patch) {  // [n,h,w,c] -> [n,h/patch,w/patch,out]
  return layer_norm(s["norm"], conv(s["proj"], x, out, patch, {.stride = patch, .pad = Padding::none, .bias = true}));
}

Tensor mix_shifted(Scope s, Tensor x, int axis, const Windows& windows) {  // [n,h,w,c] -> same
  int groups = static_cast<int>(windows.size()), share = (x.c() + groups - 1) / groups;
  std::array<Tensor, 5> parts;
  for (int i = 0; i < groups; i++) {
    int size = std::min(share, x.c() - i * share), window = windows[static_cast<size_t>(i)];
    Tensor part = roll(slice(x, 3, i * share, size), axis, i - groups / 2);
    parts[static_cast<size_t>(i)] = conv(s[i], part, size, window, {.groups = size, .bias = true});
  }
  return concat(parts, 3);
}

Tensor block(Scope s, Tensor x, const Windows& windows, float drop) {  // [n,h,w,c] -> same
  Tensor y = mix_shifted(s["dwconv_lr"], x, 2, windows) + mix_shifted(s["dwconv_td"], x, 1, windows);
  y = gelu(linear(s["pwconv1"], layer_norm(s["norm"], y), 4 * x.c(), {.init = truncated_normal}));
  y = layer_scale(s, linear(s["pwconv2"], y, x.c(), {.init = truncated_normal}), "gamma", 1e-6f);
  return s.out(x + drop_path(s, y, drop));
}

Tensor msmlp(Scope s, Tensor x, const MsMlp& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  constexpr std::array<Windows, 4> windows = {{{1, 1, 3, 5, 7}, {1, 3, 3, 5, 7}, {1, 5, 5, 5, 7}, {1, 7, 7, 7, 7}}};
  x = embed(s["patch_embed"], x, m.dim, 4);
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 4; i++) {
    Scope layer = s["layers"][static_cast<int>(i)];
    for (int j = 0; j < m.depths[i]; j++) x = block(layer["blocks"][j], x, windows[i], drop.next());
    if (i < 3) x = embed(layer["downsample"], x, 2 * x.c(), 2);
  }
  x = layer_norm(s["norm"], global_avg_pool(x));
  return linear(s["head"], dropout(s["head"], x, o.drop), o.classes, {.init = truncated_normal});
}

const Variant<MsMlp> variants[] = {
    {"msmlp_tiny", {{3, 3, 9, 3}, 96}, imagenet_card()},
    {"msmlp_small", {{3, 3, 27, 3}, 96}, imagenet_card()},
    {"msmlp_base", {{3, 3, 27, 3}, 128}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_msmlp() { return models_from<MsMlp>("msmlp", variants, msmlp); }

}  // namespace fovea
