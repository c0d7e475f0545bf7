// Cross-stage partial networks (arXiv:1911.11929): half of a stage's channels go around its blocks; DarkNet
// (arXiv:1804.02767) and the CSP, C3 networks of YOLO V4 and V5. Names follow timm.
#include <cmath>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/channel_attention.h"
#include "nn/conv_norm_act.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

enum class Stage : uint8_t { dark, csp, cs3 };
enum class Kind : uint8_t { bottleneck, dark, edge };

struct Ratio {
  double first, rest;  // of the first stage, of the others
  double of(size_t stage) const { return stage == 0 ? first : rest; }
};
struct CspNet {
  Stage stage;
  Kind kind;
  std::vector<int> stem, depths, outs;
  int stem_window = 3, stem_stride = 1;  // 4: the first convolution and max pooling
  std::vector<int> groups = {};          // of stages; empty: 1
  int first_stride = 2;
  Ratio expand = {1, 1}, block = {1, 1}, inner = {1, 1};  // of a stage's channels
  double squeeze = 0;                                     // 0: no squeeze and excitation
  bool average = false;                                   // maps are halved by averaging
  bool cross_linear = false;                              // the convolution in front of the halves is linear
  bool grow_down = false;                                 // the strided convolution has the stage's channels already
  Act act = Act::leaky_relu;
};

int share(int channels, double ratio) { return static_cast<int>(std::nearbyint(channels * ratio)); }

struct Block {
  int inner, out, groups;
};
Tensor block(Scope s, Tensor x, const Block& b, const CspNet& m, float drop) {  // [n,h,w,c] -> [n,h,w,out]
  auto layer = [&](const char* name, Tensor t, int out, int window, bool active = true) {
    return conv_norm_act(s[name], t, out, window, {.groups = window > 1 ? b.groups : 1, .act = active ? m.act : Act::none});
  };
  auto gated = [&](const char* name, Tensor t) {
    if (m.squeeze == 0) return t;
    return squeeze_excite(s[name], t, {.hidden = round_channels(t.c() * m.squeeze, 8, 0), .act = m.act});
  };
  if (m.kind == Kind::bottleneck) {
    Tensor y = gated("attn2", layer("conv2", layer("conv1", x, b.inner, 1), b.inner, 3));
    y = drop_path(s, layer("conv3", y, b.out, 1, false), drop);
    return s.out(activation(y + x, m.act));
  }
  bool edge = m.kind == Kind::edge;
  Tensor y = layer("conv1", x, b.inner, edge ? 3 : 1);
  return s.out(drop_path(s, layer("conv2", gated("attn", y), b.out, edge ? 1 : 3), drop) + x);
}

Tensor stem(Scope s, Tensor x, const CspNet& m) {
  for (size_t i = 0; i < m.stem.size(); i++) {
    ConvNormAct how{.stride = i == 0 && m.stem_stride > 1 ? 2 : 1, .act = m.act};
    Scope at = s["conv" + std::to_string(i + 1)];
    x = conv_norm_act(at, x, m.stem[i], m.stem_window, how);
    if (i + 1 == m.stem.size()) at.feature(x);
  }
  return m.stem_stride == 4 ? max_pool(x, 3, 2, 1) : x;
}

Tensor halve(Scope s, Tensor x, int out, int groups, const CspNet& m) {
  if (m.average) return conv_norm_act(s[1], avg_pool(x, 2, 2), out, 1, {.groups = groups, .act = m.act});
  return conv_norm_act(s, x, out, 3, {.stride = 2, .groups = groups, .act = m.act});
}

// The blocks of a stage; `first` of `total` in the network.
struct Part {
  size_t stage;
  int first, total;
};
Tensor blocks(Scope s, Tensor x, const Part& p, const CspNet& m, float drop) {
  int out = share(m.outs[p.stage], m.block.of(p.stage)), groups = m.groups.empty() ? 1 : m.groups[p.stage];
  Block b{share(out, m.inner.of(p.stage)), out, groups};
  for (int i = 0; i < m.depths[p.stage]; i++) x = block(s[i], x, b, m, drop_rate(drop, p.first + i, p.total));
  return x;
}

Tensor stage(Scope s, Tensor x, const Part& p, const CspNet& m, float drop) {
  int out = m.outs[p.stage], groups = m.groups.empty() ? 1 : m.groups[p.stage];
  bool all = m.stage == Stage::dark;
  if (p.stage > 0 || m.first_stride == 2) x = halve(s["conv_down"], x, all || m.grow_down ? out : x.c(), groups, m);
  if (all) return blocks(s["blocks"], x, p, m, drop);
  int wide = share(out, m.expand.of(p.stage)), half = wide / 2;
  x = conv_norm_act(s["conv_exp"], x, wide, 1, {.act = m.cross_linear ? Act::none : m.act});
  Tensor low = slice(x, 3, 0, half), high = slice(x, 3, half, half);
  if (m.stage == Stage::csp)
    high = conv_norm_act(s["conv_transition_b"], blocks(s["blocks"], high, p, m, drop), half, 1, {.act = m.act});
  else
    low = blocks(s["blocks"], low, p, m, drop);
  Tensor parts[] = {low, high};
  return conv_norm_act(s["conv_transition"], concat(parts, 3), out, 1, {.act = m.act});
}

Tensor cspnet(Scope s, Tensor x, const CspNet& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = stem(s["stem"], x, m);
  Part p{0, 0, 0};
  for (int depth : m.depths) p.total += depth;
  for (; p.stage < m.depths.size(); p.first += m.depths[p.stage++]) {
    Scope at = s["stages"][static_cast<int>(p.stage)];
    x = at.feature(stage(at, x, p, m, o.drop_path));
  }
  return linear(s["head"]["fc"], dropout(s["head"], global_avg_pool(x), o.drop), o.classes);
}

const std::vector<int> kOuts = {128, 256, 512, 1024}, kWide = {256, 512, 1024, 2048}, kFive = {64, 128, 256, 512, 1024},
                       k53 = {1, 2, 8, 8, 4};

CspNet dark(const std::vector<int>& depths) {
  return {.stage = Stage::dark, .kind = Kind::dark, .stem = {32}, .depths = depths, .outs = kFive, .inner = {0.5, 0.5}};
}
CspNet res(const std::vector<int>& stem, const std::vector<int>& outs, double expand, double block, double inner) {
  CspNet m{.stage = Stage::csp, .kind = Kind::bottleneck, .stem = stem, .depths = {3, 3, 5, 2}, .outs = outs};
  m.stem_window = stem.size() == 1 ? 7 : 3, m.stem_stride = 4, m.first_stride = 1, m.cross_linear = true;
  return m.expand = {expand, expand}, m.block = {block, block}, m.inner = {inner, inner}, m;
}
CspNet csp_dark() {
  CspNet m = dark(k53);
  return m.stage = Stage::csp, m.expand = {2, 1}, m.inner = {0.5, 1}, m.block = {1, 0.5}, m.grow_down = true, m;
}
CspNet cs3(double width = 1, double depth = 1, bool focus = false) {
  CspNet m{.stage = Stage::cs3, .kind = Kind::dark, .stem = {32, 64}, .depths = {3, 6, 9, 3}, .outs = kOuts};
  if (focus) m.stem = {64}, m.stem_window = 6;
  for (int& c : m.stem) c = round_channels(c * width);
  for (int& c : m.outs) c = round_channels(c * width);
  for (int& d : m.depths) d = static_cast<int>(d * depth);
  return m.stem_stride = 2, m.block = {0.5, 0.5}, m.act = Act::silu, m;
}
CspNet cs3_x() { return cs3(1.25, 1.33); }
CspNet se(CspNet m, double ratio = 1.0 / 16) { return m.squeeze = ratio, m; }
CspNet averaged(CspNet m) { return m.average = true, m; }
CspNet grouped(CspNet m, const std::vector<int>& groups) { return m.groups = groups, m; }
CspNet edge(CspNet m) { return m.kind = Kind::edge, m.inner = {1.5, 1.5}, m; }
CspNet xdw() {
  CspNet m = grouped(cs3(), {1, 1, 256, 512});
  return m.depths = {3, 6, 12, 4}, m.outs = kWide, m.inner = {0.5, 0.5}, m.stage = Stage::csp, m.kind = Kind::bottleneck,
         se(m);
}

const Variant<CspNet> variants[] = {
    {"cspresnet50", res({64}, kOuts, 2, 1, 0.5), imagenet_card(256, 0.887f, "bilinear")},
    {"cspresnet50d", res({32, 32, 64}, kOuts, 2, 1, 0.5), imagenet_card(256, 0.887f, "bilinear")},
    {"cspresnet50w", res({32, 32, 64}, kWide, 1, 0.5, 0.25), imagenet_card(256, 0.887f, "bilinear")},
    {"cspresnext50", grouped(res({64}, kWide, 1, 0.5, 1), {32, 32, 32, 32}), imagenet_card(256, 0.887f, "bilinear")},
    {"cspdarknet53", csp_dark(), imagenet_card(256, 0.887f, "bilinear")},
    {"darknet17", dark({1, 1, 1, 1, 1}), imagenet_card(256, 0.887f, "bilinear")},
    {"darknet21", dark({1, 1, 1, 2, 2}), imagenet_card(256, 0.887f, "bilinear")},
    {"sedarknet21", se(dark({1, 1, 1, 2, 2})), imagenet_card(256, 0.887f, "bilinear")},
    {"darknet53", dark(k53), imagenet_card(256, 0.887f)},
    {"darknetaa53", averaged(dark(k53)), imagenet_card(256, 0.887f, "bilinear")},
    {"cs3darknet_s", cs3(0.5, 0.5), imagenet_card(256, 0.887f)},
    {"cs3darknet_m", cs3(0.75, 0.67), imagenet_card(256, 0.887f)},
    {"cs3darknet_l", cs3(), imagenet_card(256, 0.887f)},
    {"cs3darknet_x", cs3_x(), imagenet_card(256, 0.95f)},
    {"cs3darknet_focus_s", cs3(0.5, 0.5, true), half_card(256, 0.887f)},
    {"cs3darknet_focus_m", cs3(0.75, 0.67, true), imagenet_card(256, 0.887f)},
    {"cs3darknet_focus_l", cs3(1, 1, true), imagenet_card(256, 0.887f)},
    {"cs3darknet_focus_x", cs3(1.25, 1.33, true), imagenet_card(256, 0.887f)},
    {"cs3sedarknet_l", se(cs3(), 0.25), imagenet_card(256, 0.887f)},
    {"cs3sedarknet_x", se(cs3_x()), imagenet_card(256, 0.887f)},
    {"cs3sedarknet_xdw", xdw(), imagenet_card(256, 0.887f)},
    {"cs3edgenet_x", edge(cs3_x()), imagenet_card(256, 0.887f)},
    {"cs3se_edgenet_x", se(edge(cs3_x()), 0.25), imagenet_card(256, 0.95f)},
};

}  // namespace

std::vector<Model> models_of_cspnet() { return models_from<CspNet>("cspnet", variants, cspnet); }

}  // namespace fovea
