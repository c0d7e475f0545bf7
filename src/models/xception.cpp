// Xception (arXiv:1610.02357): depthwise separable convolutions throughout. legacy_xception is the original, the others are
// the aligned networks of DeepLab V3+ (arXiv:1802.02611); those with p normalise first. Names follow timm.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/conv_norm_act.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct Legacy {};

Tensor conv(Scope s, Tensor x, int out, int window, int stride = 1, int groups = 1) {
  return conv(s, x, out, window, {.stride = stride, .groups = groups, .init = fan_out_normal});
}

Tensor separable(Scope s, Tensor x, int out) {
  return conv(s["pointwise"], conv(s["conv1"], x, x.c(), 3, 1, x.c()), out, 1);
}

// `outs`: channels of the separable convolutions; the first block of the network does not begin with an activation.
Tensor legacy_block(Scope s, Tensor x, const std::vector<int>& outs, int stride, bool active = true) {
  Tensor y = x;
  int at = 0, out = outs.back();
  for (size_t i = 0; i < outs.size(); i++) {
    if (i > 0 || active) y = relu(y), at++;
    if (i == 0 && active && stride > 1) s["rep"][0].feature(y);
    y = separable(s["rep"][at], y, outs[i]);
    y = batch_norm(s["rep"][at + 1], y), at += 2;
  }
  if (stride > 1) y = max_pool(y, 3, stride, 1);
  if (stride > 1 || x.c() != out) x = batch_norm(s["skipbn"], conv(s["skip"], x, out, 1, stride));
  return s.out(y + x);
}

Tensor legacy(Scope s, Tensor x, const Legacy&, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = conv_norm_act(s, x, 32, 3, {.stride = 2, .pad = Padding::none, .conv = "conv1", .norm = "bn1"});
  x = s["act2"].feature(conv_norm_act(s, x, 64, 3, {.pad = Padding::none, .conv = "conv2", .norm = "bn2"}));
  x = legacy_block(s["block1"], x, {128, 128}, 2, false);
  x = legacy_block(s["block2"], x, {256, 256}, 2);
  x = legacy_block(s["block3"], x, {728, 728}, 2);
  for (int i = 4; i < 12; i++) x = legacy_block(s["block" + std::to_string(i)], x, {728, 728, 728}, 1);
  x = legacy_block(s["block12"], x, {728, 1024}, 2);
  x = relu(batch_norm(s["bn3"], separable(s["conv3"], x, 1536)));
  x = global_avg_pool(s["act4"].feature(relu(batch_norm(s["bn4"], separable(s["conv4"], x, 2048)))));
  return linear(s["fc"], dropout(s["fc"], x, o.drop), o.classes);
}

using Three = std::array<int, 3>;
struct Block {
  Three outs;
  int stride = 2;
  bool last = false;  // activations behind the convolutions, no shortcut
};
struct Aligned {
  std::vector<Block> entry;
  int middle = 8;
  bool norm_first = false;
  float eps = 1e-3f;
};

Tensor norm(Scope s, Tensor x, const Aligned& m) { return batch_norm(s, x, m.eps); }

Tensor block(Scope s, Tensor x, const Block& b, const Aligned& m, float drop) {  // [n,h,w,c] -> [n,h/stride,w/stride,out]
  Tensor y = x;
  for (int i = 0; i < 3; i++) {
    Scope at = s["stack"]["conv" + std::to_string(i + 1)];
    int stride = i == 2 ? b.stride : 1, c = y.c();
    if (!b.last) y = relu(y);
    if (stride > 1) s["stack"]["act3"].feature(y);
    y = norm(at["bn_dw"], conv(at["conv_dw"], y, c, 3, stride, c), m);
    if (b.last) y = relu(y);
    y = norm(at["bn_pw"], conv(at["conv_pw"], y, b.outs[static_cast<size_t>(i)], 1), m);
    if (b.last) y = relu(y);
  }
  if (b.last) return s.out(y);
  if (b.stride > 1 || x.c() != b.outs[2])
    x = conv_norm_act(s["shortcut"], x, b.outs[2], 1, {.stride = b.stride, .act = Act::none, .eps = m.eps});
  return s.out(drop_path(s, y, drop) + x);
}

Tensor norm_first_block(Scope s, Tensor x, const Block& b, const Aligned& m, float drop) {
  x = relu(norm(s["norm"], x, m));
  Tensor y = x;
  for (int i = 0; i < 3; i++) {
    Scope at = s["stack"]["conv" + std::to_string(i + 1)];
    if (i > 0) y = relu(norm(at["norm"], y, m));
    y = conv(at["conv_dw"], y, y.c(), 3, i == 2 ? b.stride : 1, y.c());
    y = conv(at["conv_pw"], y, b.outs[static_cast<size_t>(i)], 1);
    if (i == 1 && b.stride > 1) at.feature(y);
  }
  if (b.last) return s.out(y);
  if (b.stride > 1 || x.c() != b.outs[2]) x = conv(s["shortcut"], x, b.outs[2], 1, b.stride);
  return s.out(drop_path(s, y, drop) + x);
}

Tensor aligned(Scope s, Tensor x, const Aligned& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = conv_norm_act(s["stem"][0], x, 32, 3, {.stride = 2, .eps = m.eps});
  x = m.norm_first ? conv(s["stem"][1], x, 64, 3) : conv_norm_act(s["stem"][1], x, 64, 3, {.eps = m.eps});
  std::vector<Block> blocks = m.entry;
  blocks.insert(blocks.end(), static_cast<size_t>(m.middle), {{728, 728, 728}, 1});
  blocks.push_back({{728, 1024, 1024}, 2});
  blocks.push_back({{1536, 1536, 2048}, 1, true});
  int n = static_cast<int>(blocks.size());
  for (int i = 0; i < n; i++) {
    auto of = m.norm_first ? norm_first_block : block;
    x = of(s["blocks"][i], x, blocks[static_cast<size_t>(i)], m, drop_rate(o.drop_path, i, n));
  }
  x = global_avg_pool(m.norm_first ? relu(x) : x);
  return linear(s["head"]["fc"], dropout(s["head"], x, o.drop), o.classes);
}

Block even(int out, int stride = 2) { return {{out, out, out}, stride}; }
Aligned net(int middle) { return {{even(128), even(256), even(728)}, middle}; }
Aligned net71() {
  Aligned m = net(16);
  m.entry = {even(128), even(256, 1), even(256), even(728, 1), even(728)};
  return m;
}
Aligned norm_first(Aligned m) { return m.norm_first = true, m.eps = 1e-5f, m; }

const Variant<Legacy> originals[] = {{"legacy_xception", {}, half_card(299, 0.8975f)}};
const Variant<Aligned> variants[] = {
    {"xception41", net(8), half_card(299, 0.903f)},
    {"xception65", net(16), half_card(299, 0.94f)},
    {"xception71", net71(), half_card(299, 0.903f)},
    {"xception41p", norm_first(net(8)), half_card(299, 0.94f)},
    {"xception65p", norm_first(net(16)), half_card(299, 0.94f)},
};

}  // namespace

std::vector<Model> models_of_xception() {
  std::vector<Model> r = models_from<Aligned>("xception", variants, aligned);
  r.push_back(models_from<Legacy>("xception", originals, legacy)[0]);
  return r;
}

}  // namespace fovea
