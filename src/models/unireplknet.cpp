// UniRepLKNet (arXiv:2311.15599): few large depthwise convolutions, trained as sums of dilated ones, and many small ones
// between them. Names follow the authors' implementation.
#include <array>
#include <vector>

#include "base/error.h"
#include "models/cards.h"
#include "models/registry.h"
#include "nn/channel_attention.h"
#include "nn/rep_conv.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct UniRepLKNet {
  std::array<int, 4> depths;
  int dim;        // of the first stage, twice as many in each that follows
  int every = 1;  // block of the third stage has a large window; the first stage has none, the others have nothing else
};

// What is trained inside of a window.
std::vector<SmallConv> branches(int window) {
  switch (window) {
    case 17: return {{5, 1}, {9, 2}, {3, 4}, {3, 5}, {3, 7}};
    case 15: return {{5, 1}, {7, 2}, {3, 3}, {3, 5}, {3, 7}};
    case 13: return {{5, 1}, {7, 2}, {3, 3}, {3, 4}, {3, 5}};
    case 11: return {{5, 1}, {5, 2}, {3, 3}, {3, 4}, {3, 5}};
    case 9: return {{5, 1}, {5, 2}, {3, 3}, {3, 4}};
    case 7: return {{5, 1}, {3, 2}, {3, 3}};
    default: fail(Code::usage, "there is no window of {} with dilated branches, but 7, 9, ..., 17", window);
  }
}

Tensor conv(Scope s, Tensor x, int out) { return conv(s, x, out, 3, {.stride = 2, .bias = true, .init = truncated_normal}); }

Tensor spatial(Scope s, Tensor x, int window) {  // [n,h,w,c] -> same
  if (window >= 7) return dilated_reparam(s, x, window, branches(window));
  return conv(s, x, x.c(), window, {.groups = x.c(), .init = truncated_normal});
}

Tensor block(Scope s, Tensor x, int window, float drop) {  // [n,h,w,c] -> same
  int c = x.c();
  Tensor y = batch_norm(s["norm"], spatial(s["dwconv"], x, window));
  y = squeeze_excite(s["se"], y, {.hidden = c / 4, .reduce = "down", .expand = "up", .init = truncated_normal});
  y = gelu(linear(s["pwconv1"][1], y, 4 * c, {.init = truncated_normal}));
  Scope norm = s["act"][1];
  y = response_norm(y, norm.param("gamma", {1, 1, 1, 4 * c}, fill(0)), norm.param("beta", {1, 1, 1, 4 * c}, fill(0)));
  y = batch_norm(s["pwconv2"][2], linear(s["pwconv2"][0], y, c, {.bias = false, .init = truncated_normal}));
  return s.out(x + drop_path(s, layer_scale(s, y, "gamma", 1e-6f), drop));
}

Tensor unireplknet(Scope s, Tensor x, const UniRepLKNet& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  DropRamp drop(o.drop_path, m.depths);
  for (int i = 0; i < 4; i++) {
    Scope down = s["downsample_layers"][i];
    if (i == 0) {
      x = gelu(layer_norm(down[1], conv(down[0], x, m.dim / 2)));
      x = layer_norm(down[4], conv(down[3], x, m.dim));
    } else {
      x = layer_norm(down[1], conv(down[0], x, m.dim << i));
    }
    for (int j = 0; j < m.depths[static_cast<size_t>(i)]; j++) {
      bool large = i > 0 && (i != 2 || j % m.every == 0);
      x = block(s["stages"][i][j], x, large ? 13 : 3, drop.next());
    }
  }
  x = layer_norm(s["norm"], global_avg_pool(x));
  return linear(s["head"], dropout(s["head"], x, o.drop), o.classes, {.init = truncated_normal});
}

const Variant<UniRepLKNet> variants[] = {
    {"unireplknet_a", {{2, 2, 6, 2}, 40}, imagenet_card()},
    {"unireplknet_f", {{2, 2, 6, 2}, 48}, imagenet_card()},
    {"unireplknet_p", {{2, 2, 6, 2}, 64}, imagenet_card()},
    {"unireplknet_n", {{2, 2, 8, 2}, 80}, imagenet_card()},
    {"unireplknet_t", {{3, 3, 18, 3}, 80, 2}, imagenet_card()},
    {"unireplknet_s", {{3, 3, 27, 3}, 96, 3}, imagenet_card()},
    {"unireplknet_b", {{3, 3, 27, 3}, 128, 3}, imagenet_card(384, 1)},
    {"unireplknet_l", {{3, 3, 27, 3}, 192, 3}, imagenet_card(384, 1)},
    {"unireplknet_xl", {{3, 3, 27, 3}, 256, 3}, imagenet_card(384, 1)},
};

}  // namespace

std::vector<Model> models_of_unireplknet() { return models_from<UniRepLKNet>("unireplknet", variants, unireplknet); }

}  // namespace fovea
