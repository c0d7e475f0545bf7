// MambaOut (arXiv:2405.07992): the gated convolutional block of Mamba without its state-space model. Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct MambaOut {
  std::array<int, 4> depths, dims;
  double expand = 8.0 / 3, convolved = 1;  // hidden channels and those of them that see neighbours, in block widths
  bool rw = false;  // timm's own: no norm inside the stem, norms before the downsampling, layer scale, no norm in the head
  Act act = Act::gelu;
};

Tensor conv(Scope s, Tensor x, int out, int window, int stride, int groups = 1) {
  return conv(s, x, out, window, {.stride = stride, .groups = groups, .bias = true, .init = truncated_normal});
}
Tensor dense(Scope s, Tensor x, int out) { return linear(s, x, out, {.init = truncated_normal}); }

Tensor stem(Scope s, Tensor x, const MambaOut& m) {  // [n,h,w,3] -> [n,h/4,w/4,c]
  x = conv(s["conv1"], x, m.dims[0] / 2, 3, 2);
  if (!m.rw) x = layer_norm(s["norm1"], x);
  return layer_norm(s["norm2"], conv(s["conv2"], activation(x, m.act), m.dims[0], 3, 2));
}

Tensor downsample(Scope s, Tensor x, int out, const MambaOut& m) {  // [n,h,w,c] -> [n,h/2,w/2,out]
  if (m.rw) return conv(s["conv"], layer_norm(s["norm"], x), out, 3, 2);
  return layer_norm(s["norm"], conv(s["conv"], x, out, 3, 2));
}

Tensor block(Scope s, Tensor x, const MambaOut& m, float drop) {  // [n,h,w,c] -> same
  int hidden = static_cast<int>(m.expand * x.c()), mixed = static_cast<int>(m.convolved * x.c());
  Tensor y = dense(s["fc1"], layer_norm(s["norm"], x), 2 * hidden);
  Tensor gate = activation(slice(y, 3, 0, hidden), m.act);
  Tensor parts[] = {slice(y, 3, hidden, hidden - mixed),
                    conv(s["conv"], slice(y, 3, 2 * hidden - mixed, mixed), mixed, 7, 1, mixed)};
  y = dense(s["fc2"], gate * concat(parts, 3), x.c());
  if (m.rw) y = layer_scale(s["ls"], y, "gamma", 1e-5f);
  return s.out(x + drop_path(s, y, drop));
}

Tensor mambaout(Scope s, Tensor x, const MambaOut& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = stem(s["stem"], x, m);
  DropRamp drop(o.drop_path, m.depths);
  for (size_t i = 0; i < 4; i++) {
    Scope stage = s["stages"][static_cast<int>(i)];
    if (i > 0) x = downsample(stage["downsample"], x, m.dims[i], m);
    for (int j = 0; j < m.depths[i]; j++) x = block(stage["blocks"][j], x, m, drop.next());
  }
  Scope head = s["head"], hidden = head["pre_logits"];
  x = layer_norm(head["norm"], global_avg_pool(x));
  x = gelu(dense(hidden["fc"], x, 4 * x.c()));
  if (!m.rw) x = layer_norm(hidden["norm"], x);
  return dense(head["fc"], dropout(head, x, o.drop), o.classes);
}

using Four = std::array<int, 4>;
constexpr Four k288 = {48, 96, 192, 288}, k576 = {96, 192, 384, 576}, k768 = {128, 256, 512, 768};
MambaOut rw(const Four& depths, const Four& dims, double expand = 8.0 / 3, double convolved = 1, Act act = Act::gelu) {
  return {depths, dims, expand, convolved, true, act};
}
Card whole(float crop = 1) { return imagenet_card(224, crop); }

const Variant<MambaOut> variants[] = {
    {"mambaout_femto", {{3, 3, 9, 3}, k288}, whole()},
    {"mambaout_kobe", {{3, 3, 15, 3}, k288}, whole()},
    {"mambaout_tiny", {{3, 3, 9, 3}, k576}, whole()},
    {"mambaout_small", {{3, 4, 27, 3}, k576}, whole()},
    {"mambaout_base", {{3, 4, 27, 3}, k768}, whole()},
    {"mambaout_small_rw", rw({3, 4, 27, 3}, k576), whole()},
    {"mambaout_base_short_rw", rw({3, 3, 25, 3}, k768, 3, 1.25), whole(0.95f)},
    {"mambaout_base_tall_rw", rw({3, 4, 30, 3}, k768, 2.5, 1.25), whole(0.95f)},
    {"mambaout_base_wide_rw", rw({3, 4, 27, 3}, k768, 3, 1.5, Act::silu), whole(0.95f)},
    {"mambaout_base_plus_rw", rw({3, 4, 30, 3}, k768, 3, 1.5, Act::silu), whole()},
    {"test_mambaout", rw({1, 1, 3, 1}, {16, 32, 48, 64}, 3, 1, Act::silu), imagenet_card(160, 1)},
};

}  // namespace

std::vector<Model> models_of_mambaout() { return models_from<MambaOut>("mambaout", variants, mambaout); }

}  // namespace fovea
