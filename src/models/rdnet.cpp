// RDNet (arXiv:2403.19588): dense connections with blocks of today's kind. Names follow timm.
#include <algorithm>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/channel_attention.h"
#include "ops/layout.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct RDNet {
  int first;                 // channels of the stem
  std::vector<int> growth;   // of stages of three blocks; the first two gate no channels
  std::vector<int> halving;  // the stages that halve the map
};

Tensor conv(Scope s, Tensor x, int out, int window, int stride = 1, int groups = 1) {
  Padding pad = stride == 1 ? Padding::centred : Padding::none;
  return conv(s, x, out, window, {.stride = stride, .pad = pad, .groups = groups, .bias = true, .init = fan_in_normal});
}

Tensor block(Scope s, Tensor x, int growth, bool gate, float drop) {  // [n,h,w,c] -> [n,h,w,growth]
  Scope layers = s["layers"]["layers"];
  int c = x.c();
  Tensor y = layer_norm(layers[1], conv(layers[0], x, c, 7, 1, c));
  y = conv(layers[4], gelu(conv(layers[2], y, c * 4 / 8 * 8, 1)), growth, 1);
  if (gate) y = effective_squeeze_excite(layers[5], y);
  return s.out(drop_path(s, layer_scale(s, y, "gamma", 1e-6f), drop));
}

Tensor rdnet(Scope s, Tensor x, const RDNet& m, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  constexpr int kBlocks = 3;
  x = layer_norm(s["stem"][1], conv(s["stem"][0], x, m.first, 4, 4));
  int stages = static_cast<int>(m.growth.size()), index = 0;
  auto halves = [&](int i) { return std::find(m.halving.begin(), m.halving.end(), i) != m.halving.end(); };
  for (int i = 0; i < stages; i++) {
    Scope at = s["dense_stages"][i];
    if (i > 0) {
      int stride = halves(i) ? 2 : 1;
      x = conv(at[1], layer_norm(at[0], x), x.c() / 2 / 8 * 8, stride, stride);
    }
    for (int j = 0; j < kBlocks; j++, index++) {
      Scope b = at[i > 0 ? 2 : 0]["dense_block" + std::to_string(j)];
      Tensor parts[] = {
          x, block(b, x, m.growth[static_cast<size_t>(i)], i > 1, drop_rate(o.drop_path, index, stages * kBlocks))};
      x = concat(parts, 3);
    }
    if (i + 1 == stages || halves(i + 1)) at.feature(x);
  }
  x = layer_norm(s["head"]["norm"], global_avg_pool(x));
  return linear(s["head"]["fc"], dropout(s["head"], x, o.drop), o.classes);
}

// The last two of these stages, of which the first halves the map, are wider.
RDNet deep(int first, int a, int b, int middle, int last, int stages) {
  RDNet m{first, {a, b}, {1, 2, stages - 2}};
  m.growth.insert(m.growth.end(), static_cast<size_t>(stages - 4), middle);
  m.growth.insert(m.growth.end(), 2, last);
  return m;
}

Card card() { return imagenet_card(224, 0.9f); }

const Variant<RDNet> variants[] = {
    {"rdnet_tiny", {64, {64, 104, 128, 128, 128, 128, 224}, {1, 2, 6}}, card()},
    {"rdnet_small", deep(72, 64, 128, 128, 240, 11), card()},
    {"rdnet_base", deep(120, 96, 128, 168, 336, 11), card()},
    {"rdnet_large", deep(144, 128, 192, 256, 360, 12), card()},
};

}  // namespace

std::vector<Model> models_of_rdnet() { return models_from<RDNet>("rdnet", variants, rdnet); }

}  // namespace fovea
