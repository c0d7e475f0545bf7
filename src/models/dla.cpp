// Deep layer aggregation (arXiv:1707.06484): trees of residual blocks whose roots read all results below them. Names follow
// timm; res2net variants (arXiv:1904.01169) split their middle convolution into scales.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/conv_norm_act.h"
#include "nn/scaled_conv.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

enum class Kind : uint8_t { basic, bottleneck, scaled };
using Six = std::array<int, 6>;

struct DLA {
  Kind kind;
  Six levels, channels = {16, 32, 128, 256, 512, 1024};
  int groups = 1, base_width = 64;
  bool root_shortcut = false;
};

Tensor layer(Scope s, int i, Tensor x, int out, int window, int stride, int groups, Act act) {
  std::string n = std::to_string(i), c = "conv" + n, b = "bn" + n;
  return conv_norm_act(s, x, out, window,
                       {.stride = stride, .groups = groups, .act = act, .conv = c.c_str(), .norm = b.c_str()});
}

Tensor block(Scope s, Tensor x, Tensor shortcut, int out, int stride, const DLA& m) {  // -> [n,h/stride,w/stride,out]
  Tensor y;
  if (m.kind == Kind::basic) {
    y = layer(s, 1, x, out, 3, stride, 1, Act::relu);
    y = layer(s, 2, y, out, 3, 1, 1, Act::none);
  } else {
    int inner = out * m.base_width / 64 * m.groups / 2, scales = m.kind == Kind::scaled ? 4 : 1;
    y = layer(s, 1, x, inner * scales, 1, 1, 1, Act::relu);
    if (m.kind == Kind::scaled)
      y = scaled_conv(s, y, {.scales = scales, .stride = stride, .groups = m.groups, .separate = stride > 1});
    else
      y = layer(s, 2, y, inner, 3, stride, m.groups, Act::relu);
    y = layer(s, 3, y, out, 1, 1, 1, Act::none);
  }
  return s.out(relu(y + shortcut));
}

// A tree of two subtrees, or of two blocks and a root, which reads them and `below`.
struct Tree {
  int levels, out, stride;
  bool level_root;
};
Tensor tree(Scope s, Tensor x, const Tree& t, std::vector<Tensor> below, const DLA& m) {
  Tensor bottom = t.stride > 1 ? max_pool(x, t.stride, t.stride) : x;
  if (t.level_root) below.push_back(bottom);
  if (t.levels > 1) {
    Tensor left = tree(s["tree1"], x, {t.levels - 1, t.out, t.stride, false}, {}, m);
    below.push_back(left);
    return tree(s["tree2"], left, {t.levels - 1, t.out, 1, false}, below, m);
  }
  if (x.c() != t.out) bottom = conv_norm_act(s["project"], bottom, t.out, 1, {.act = Act::none, .conv = "0", .norm = "1"});
  Tensor left = block(s["tree1"], x, bottom, t.out, t.stride, m), right = block(s["tree2"], left, left, t.out, 1, m);
  below.insert(below.begin(), {right, left});
  Tensor y = conv_norm_act(s["root"], concat(below, 3), t.out, 1, {.act = Act::none});
  return relu(m.root_shortcut ? y + right : y);
}

Tensor dla(Scope s, Tensor x, const DLA& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  x = conv_norm_act(s["base_layer"], x, m.channels[0], 7, {.conv = "0", .norm = "1"});
  for (int level = 0; level < 2; level++) {
    auto i = static_cast<size_t>(level);
    Scope at = s["level" + std::to_string(level)];
    for (int j = 0; j < m.levels[i]; j++) {
      std::string c = std::to_string(3 * j), b = std::to_string(3 * j + 1);
      ConvNormAct how{.stride = j == 0 ? level + 1 : 1, .conv = c.c_str(), .norm = b.c_str()};
      x = conv_norm_act(at, x, m.channels[i], 3, how);
    }
    at.feature(x);
  }
  for (size_t i = 2; i < 6; i++) {
    Scope at = s["level" + std::to_string(i)];
    x = at.feature(tree(at, x, {m.levels[i], m.channels[i], 2, i > 2}, {}, m));
  }
  x = conv(s["fc"], dropout(s["fc"], reduce_mean(x, {1, 2}), o.drop), o.classes, 1, {.bias = true, .init = fan_out_normal});
  return reshape(x, {x.n(), o.classes});
}

constexpr Kind K = Kind::bottleneck;
constexpr Six k34 = {1, 1, 1, 2, 2, 1}, k60 = {1, 1, 1, 2, 3, 1}, k102 = {1, 1, 1, 3, 4, 1}, k169 = {1, 1, 2, 3, 5, 1},
              kCompact = {16, 32, 64, 64, 128, 256}, kPlain = {16, 32, 128, 256, 512, 1024};
DLA x(DLA m, int groups = 32) { return m.groups = groups, m.base_width = 4, m; }
DLA scaled(int groups, int width) { return {Kind::scaled, k60, kPlain, groups, width}; }
DLA rooted(const Six& levels) { return {.kind = K, .levels = levels, .root_shortcut = true}; }
Card card() { return imagenet_card(224, 0.875f, "bilinear"); }

const Variant<DLA> variants[] = {
    {"dla34", {Kind::basic, k34, {16, 32, 64, 128, 256, 512}}, card()},
    {"dla46_c", {K, k34, kCompact}, card()},
    {"dla46x_c", x({K, k34, kCompact}), card()},
    {"dla60", {K, k60}, card()},
    {"dla60x", x({K, k60}), card()},
    {"dla60x_c", x({K, k60, kCompact}), card()},
    {"dla60_res2net", scaled(1, 28), card()},
    {"dla60_res2next", scaled(8, 4), card()},
    {"dla102", rooted(k102), card()},
    {"dla102x", x(rooted(k102)), card()},
    {"dla102x2", x(rooted(k102), 64), card()},
    {"dla169", rooted(k169), card()},
};

}  // namespace

std::vector<Model> models_of_dla() { return models_from<DLA>("dla", variants, dla); }

}  // namespace fovea
