// Sequencer (arXiv:2205.01972): LSTMs along rows and columns in place of attention. Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/lstm.h"
#include "nn/transformer.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct Sequencer {
  std::array<int, 4> depths;
};
constexpr std::array<int, 4> kDims = {192, 384, 384, 384}, kPatches = {7, 2, 1, 1};

Tensor mix(Scope s, Tensor x) {  // [n,h,w,c] -> same
  int n = x.n(), h = x.h(), w = x.w(), c = x.c(), hidden = c / 4;
  Tensor columns = reshape(transpose(x, {0, 2, 1, 3}), {n * w, h, c});
  columns = reshape(bidirectional_lstm(s["rnn_v"], columns, hidden), {n, w, h, 2 * hidden});
  Tensor rows = bidirectional_lstm(s["rnn_h"], reshape(x, {n * h, w, c}), hidden);
  Tensor both[] = {transpose(columns, {0, 2, 1, 3}), reshape(rows, {n, h, w, 2 * hidden})};
  return linear(s["fc"], concat(both, 3), c, {.init = truncated_normal});
}

Tensor sequencer(Scope s, Tensor x, const Sequencer& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  for (int stage = 0; stage < 4; stage++) {
    auto at = static_cast<size_t>(stage);
    int patch = kPatches[at];
    Scope here = s["stages"][stage], patches = stage == 0 ? s["stem"]["proj"] : here["downsample"]["down"];
    x = conv(patches, x, kDims[at], patch, {.stride = patch, .pad = Padding::none, .bias = true});
    for (int i = 0; i < m.depths[at]; i++) {  // the same rate everywhere
      Scope b = here["blocks"][i];
      x = x + drop_path(b["rnn_tokens"], mix(b["rnn_tokens"], layer_norm(b["norm1"], x)), o.drop_path);
      Scope channels = b["mlp_channels"];
      x = b.out(x + drop_path(channels, mlp(channels, layer_norm(b["norm2"], x), 3 * x.c()), o.drop_path));
    }
  }
  x = dropout(s["head"], global_avg_pool(layer_norm(s["norm"], x)), o.drop);
  return linear(s["head"]["fc"], x, o.classes, {.init = truncated_normal});
}

const Variant<Sequencer> variants[] = {{"sequencer2d_s", {{4, 3, 8, 3}}, imagenet_card()},
                                       {"sequencer2d_m", {{4, 3, 14, 3}}, imagenet_card()},
                                       {"sequencer2d_l", {{8, 8, 16, 4}}, imagenet_card()}};

}  // namespace

std::vector<Model> models_of_sequencer() { return models_from<Sequencer>("sequencer", variants, sequencer); }

}  // namespace fovea
