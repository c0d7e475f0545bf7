// Dual Path Networks (arXiv:1707.01629): some channels are added to, as in residual networks, others are appended, as in
// dense ones. Names follow timm.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/conv_norm_act.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct DPN {
  std::array<int, 4> depths, growth;
  int stem, inner, groups;  // inner: channels of the first stage's 3x3 convolutions, which double
  int width = 256;          // of the first stage's residual path, which doubles
  bool split = false;       // b: the two paths get convolutions of their own
  Act act = Act::relu;      // of the stem and the head
};

constexpr float kEps = 1e-3f;

Tensor conv(Scope s, Tensor x, int out, int window, int stride = 1, int groups = 1) {
  return conv(s, x, out, window, {.stride = stride, .groups = groups});
}
Tensor active(Scope s, Tensor x) { return relu(batch_norm(s["bn"], x, kEps)); }

struct Paths {
  Tensor residual, dense;
};
Tensor both(const Paths& x) {
  Tensor parts[] = {x.residual, x.dense};
  return concat(parts, 3);
}

struct Block {
  int inner, width, growth, stride;
  bool first;
};
// x: for the first block of a stage, which makes the paths, one map that holds both.
Paths block(Scope s, Tensor x, const Paths& paths, const Block& b, const DPN& m) {
  Paths r = paths;
  auto split = [&](Tensor t) { return Paths{slice(t, 3, 0, b.width), slice(t, 3, b.width, t.c() - b.width)}; };
  if (b.first) {
    Scope at = s[b.stride == 2 ? "c1x1_w_s2" : "c1x1_w_s1"];
    r = split(conv(at["conv"], active(at, x), b.width + 2 * b.growth, 1, b.stride));
  }
  Tensor y = conv(s["c1x1_a"]["conv"], active(s["c1x1_a"], x), b.inner, 1);
  y = conv(s["c3x3_b"]["conv"], active(s["c3x3_b"], y), b.inner, 3, b.stride, m.groups);
  y = active(s["c1x1_c"], y);
  Paths more = m.split ? Paths{conv(s["c1x1_c1"], y, b.width, 1), conv(s["c1x1_c2"], y, b.growth, 1)}
                       : split(conv(s["c1x1_c"]["conv"], y, b.width + b.growth, 1));
  Tensor dense[] = {r.dense, more.dense};
  return {r.residual + more.residual, concat(dense, 3)};
}

Tensor dpn(Scope s, Tensor x, const DPN& m, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  Scope f = s["features"];
  Scope first = f["conv1_1"];
  x = first.feature(conv_norm_act(first, x, m.stem, m.width == 64 ? 3 : 7, {.stride = 2, .act = m.act, .eps = kEps}));
  x = max_pool(x, 3, 2, 1);
  Paths paths;
  for (int stage = 0; stage < 4; stage++)
    for (int i = 0; i < m.depths[static_cast<size_t>(stage)]; i++) {
      Scope at = f["conv" + std::to_string(stage + 2) + "_" + std::to_string(i + 1)];
      Block b{m.inner << stage, m.width << stage, m.growth[static_cast<size_t>(stage)], stage > 0 && i == 0 ? 2 : 1, i == 0};
      paths = block(at, x, paths, b, m);
      x = at.out(both(paths));
    }
  x = activation(batch_norm(f["conv5_bn_ac"]["bn"], x, kEps), m.act);
  x = fovea::conv(s["classifier"], dropout(s, reduce_mean(x, {1, 2}), o.drop), o.classes, 1, {.bias = true});
  return reshape(x, {x.n(), o.classes});
}

Card card() {
  Card c = imagenet_card();
  for (size_t i = 0; i < 3; i++) c.mean[i] = std::array{124, 117, 104}[i] / 255.0f, c.std[i] = 1 / (0.0167f * 255);
  return c;
}

const Variant<DPN> variants[] = {
    {"dpn48b", {{3, 4, 6, 3}, {16, 32, 32, 64}, 10, 128, 32, 64, true, Act::silu}, imagenet_card()},
    {"dpn68", {{3, 4, 12, 3}, {16, 32, 32, 64}, 10, 128, 32, 64}, card()},
    {"dpn68b", {{3, 4, 12, 3}, {16, 32, 32, 64}, 10, 128, 32, 64, true}, imagenet_card(224, 0.95f)},
    {"dpn92", {{3, 4, 20, 3}, {16, 32, 24, 128}, 64, 96, 32}, card()},
    {"dpn98", {{3, 6, 20, 3}, {16, 32, 32, 128}, 96, 160, 40}, card()},
    {"dpn131", {{4, 8, 28, 3}, {16, 32, 32, 128}, 128, 160, 40}, card()},
    {"dpn107", {{4, 8, 20, 3}, {20, 64, 64, 128}, 128, 200, 50}, card()},
};

}  // namespace

std::vector<Model> models_of_dpn() { return models_from<DPN>("dpn", variants, dpn); }

}  // namespace fovea
