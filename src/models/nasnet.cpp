// Networks of cells found by search: NASNet-A (arXiv:1707.07012) and PNASNet-5 (arXiv:1712.00559). Names follow timm.
#include "models/cards.h"
#include "models/registry.h"
#include "nn/conv_norm_act.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

constexpr float kEps = 1e-3f;

Tensor norm(Scope s, Tensor x) { return batch_norm(s, x, kEps); }
Tensor conv_same(Scope s, Tensor x, int out, int window, int stride = 1, int groups = 1) {
  return conv(s, x, out, window, {.stride = stride, .pad = Padding::same, .groups = groups});
}
Tensor active_conv(Scope s, Tensor x, int out, int stride = 1) {
  return norm(s["bn"], conv_same(s["conv"], relu(x), out, 1, stride));
}
Tensor max3(Tensor x, int stride = 2) { return max_pool(x, 3, stride, padding(Padding::same, x.shape(), 3, stride)); }
// As timm pads: what lies beyond the border counts in halving, and does not otherwise.
Tensor avg3(Tensor x) { return avg_pool(x, 3, 1, 1, false); }
Tensor halved_avg3(Tensor x) {
  Pad p = padding(Padding::same, x.shape(), 3, 2);
  return avg_pool(pad(x, {0, p.top, p.left, 0}, {0, p.bottom, p.right, 0}), 3, 2);
}

// The branches of a cell, by name: comb_iter_<i>_left and _right.
struct Cell {
  Scope s;
  int width;
  Scope at(int i, const char* side) const { return s["comb_iter_" + std::to_string(i) + "_" + side]; }
  // Two separable convolutions, the first with the stride.
  Tensor separable(int i, const char* side, Tensor x, int window, int stride = 1) const {
    for (const char* k : {"1", "2"}) {
      Scope of = at(i, side)[std::string("separable_") + k];
      x = conv_same(of["depthwise_conv2d"], relu(x), x.c(), window, *k == '1' ? stride : 1, x.c());
      x = norm(at(i, side)[std::string("bn_sep_") + k], conv_same(of["pointwise_conv2d"], x, width, 1));
    }
    return x;
  }
};

// Halves a map without losing pixels: every other one, and the ones between.
Tensor factorized(Scope s, Tensor x, int out) {
  x = relu(x);
  int h = (x.h() + 1) / 2, w = (x.w() + 1) / 2;
  Tensor even = slice(slice(x, 1, 0, h, 2), 2, 0, w, 2);
  x = pad(x, {0, 0, 0, 0}, {0, 1, 1, 0});
  Tensor odd = slice(slice(x, 1, 1, h, 2), 2, 1, w, 2);
  Tensor both[] = {conv_same(s["path_1"]["conv"], even, out / 2, 1), conv_same(s["path_2"]["conv"], odd, out / 2, 1)};
  return norm(s["final_path_bn"], concat(both, 3));
}

// Halves: [n,h,w,*] both -> [n,h/2,w/2,4*width].
Tensor nasnet_reduction(const Cell& c, Tensor right, Tensor left) {
  Tensor a = c.separable(0, "left", right, 5, 2) + c.separable(0, "right", left, 7, 2);
  Tensor b = max3(right) + c.separable(1, "right", left, 7, 2);
  Tensor d = halved_avg3(right) + c.separable(2, "right", left, 5, 2);
  Tensor parts[] = {b, d, avg3(a) + b, c.separable(4, "left", a, 3) + max3(right)};
  return c.s.out(concat(parts, 3));
}

// [n,h,w,*], and what the cell before the last one returned -> [n,h,w,6*width]
Tensor nasnet_cell(Scope s, Tensor x, Tensor before, int width) {
  Cell c{s, width};
  Tensor left = before.h() == x.h() ? active_conv(s["conv_prev_1x1"], before, width) : factorized(s, before, width);
  Tensor right = active_conv(s["conv_1x1"], x, width), mean = avg3(left);
  Tensor parts[] = {left,
                    c.separable(0, "left", right, 5) + c.separable(0, "right", left, 3),
                    c.separable(1, "left", left, 5) + c.separable(1, "right", left, 3),
                    avg3(right) + left,
                    mean + mean,
                    c.separable(4, "left", right, 3) + right};
  return s.out(concat(parts, 3));
}

struct CellNet {
  int width;
  int repeat;  // cells between reductions
};
Tensor head(Scope s, Tensor x, const ModelOptions& o) {
  return linear(s["last_linear"], dropout(s["last_linear"], global_avg_pool(relu(x)), o.drop), o.classes);
}
Tensor first(Scope s, Tensor x) {
  return conv_norm_act(s, x, 96, 3, {.stride = 2, .act = Act::none, .pad = Padding::none, .eps = kEps});
}

Tensor nasnet(Scope s, Tensor x, const CellNet& m, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  Tensor image = first(s["conv0"], x);
  Scope stem = s["cell_stem_0"];
  Tensor before = nasnet_reduction({stem, m.width / 4}, active_conv(stem["conv_1x1"], image, m.width / 4), image);
  stem = s["cell_stem_1"];
  x = active_conv(stem["conv_1x1"], before, m.width / 2);
  x = nasnet_reduction({stem, m.width / 2}, x, factorized(stem, image, m.width / 2));
  for (int stage = 0, index = 0; stage < 3; stage++) {
    int width = m.width << stage;
    if (stage > 0) {
      Scope at = s["reduction_cell_" + std::to_string(stage - 1)];
      Tensor left = active_conv(at["conv_prev_1x1"], before, width), right = active_conv(at["conv_1x1"], x, width);
      x = nasnet_reduction({at, width}, right, left);
    }
    for (int i = 0; i < m.repeat; i++) {
      Tensor y = nasnet_cell(s["cell_" + std::to_string(index++)], x, before, width);
      before = x, x = y;
    }
  }
  return head(s, x, o);
}

// What all cells of PNASNet have: 5*width channels. The stem's does not project its left input.
Tensor pnasnet_branches(const Cell& c, Tensor left, Tensor right, int stride) {
  Tensor pooled = max3(left, stride), shortcut = right;
  if (left.c() != c.width) {
    Scope at = c.at(0, "right");
    pooled = norm(at["bn"], conv_same(at["conv"], pooled, c.width, 1));
  }
  if (stride == 2) shortcut = active_conv(c.at(4, "right"), right, c.width, 2);
  Tensor d = c.separable(2, "left", right, 5, stride) + c.separable(2, "right", right, 3, stride);
  Tensor parts[] = {c.separable(0, "left", left, 5, stride) + pooled,
                    c.separable(1, "left", right, 7, stride) + max3(right, stride), d,
                    c.separable(3, "left", d, 3) + max3(right, stride), c.separable(4, "left", left, 3, stride) + shortcut};
  return c.s.out(concat(parts, 3));
}

Tensor pnasnet_cell(Scope s, Tensor before, Tensor x, int width, int stride) {
  Scope at = s["conv_prev_1x1"];
  Tensor left = before.h() == x.h() ? active_conv(at, before, width) : factorized(at, before, width);
  return pnasnet_branches({s, width}, left, active_conv(s["conv_1x1"], x, width), stride);
}

Tensor pnasnet(Scope s, Tensor x, const CellNet& m, const ModelOptions& o) {  // [n,h,w,c] -> [n,classes]
  Tensor before = first(s["conv_0"], x);
  Scope stem = s["cell_stem_0"];
  x = pnasnet_branches({stem, m.width / 4}, before, active_conv(stem["conv_1x1"], before, m.width / 4), 2);
  auto push = [&](const std::string& name, int width, int stride) {
    Tensor y = pnasnet_cell(s[name], before, x, width, stride);
    before = x, x = y;
  };
  push("cell_stem_1", m.width / 2, 2);
  for (int stage = 0, index = 0; stage < 3; stage++)
    for (int i = 0; i < m.repeat; i++, index++)
      push("cell_" + std::to_string(index), m.width << stage, stage > 0 && i == 0 ? 2 : 1);
  return head(s, x, o);
}

const Variant<CellNet> nasnets[] = {{"nasnetalarge", {168, 6}, half_card(331, 0.911f)}};
const Variant<CellNet> pnasnets[] = {{"pnasnet5large", {216, 4}, half_card(331, 0.911f)}};

}  // namespace

std::vector<Model> models_of_nasnet() {
  std::vector<Model> r = models_from<CellNet>("nasnet", nasnets, nasnet);
  r.push_back(models_from<CellNet>("nasnet", pnasnets, pnasnet)[0]);
  return r;
}

}  // namespace fovea
