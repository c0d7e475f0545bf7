// RaftMLP (arXiv:2108.04384): rows and columns of tokens are mixed in turn, together with groups of channels. Names follow
// the authors' implementation.
#include <algorithm>
#include <vector>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "nn/resize.h"
#include "nn/windows.h"
#include "ops/conv2d.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

struct RaftLevel {
  int depth, dim, patch;
  int raft = 0;                   // channels that are mixed with a row or column; 0: all tokens at once, one channel each
  std::vector<int> windows = {};  // of the patches that are embedded together; none: the patch alone
};
struct RaftMLP {
  std::vector<RaftLevel> levels;
  int size = 224;         // of the pictures whose tokens are mixed, others' are resized; 0: of those it is built for
  bool shortcut = false;  // every level scales and shifts what the next ones say
};

int ceil_div(int a, int b) { return (a + b - 1) / b; }

// Residual MLP along the last axes of to(norm(x)), which `from` takes back.
template <class To, class From>
Tensor mixed(Scope s, Scope norm, Tensor x, int expand, float drop, To to, From from) {
  Tensor y = to(layer_norm(norm, x, 1e-5f));
  y = linear(s["fn"][3], gelu(linear(s["fn"][0], y, expand * y.c())), y.c());
  return x + drop_path(s, from(y), drop);
}
Tensor mix_channels(Scope s, Tensor x, float drop) {
  auto same = [](Tensor t) { return t; };
  return mixed(s, s["norm"], x, 4, drop, same, same);
}

// Tokens [n,h,w,c] whose channels lie as [c/raft, raft]: rows (axis 1) or columns of them are mixed with a raft.
Tensor mix_axis(Scope s, Tensor x, int raft, int axis, float drop) {
  int n = x.n(), h = x.h(), w = x.w(), c = x.c(), length = x.dim(axis);
  const Dims perm = axis == 1 ? Dims{0, 3, 2, 4, 1} : Dims{0, 3, 1, 4, 2},
             back = axis == 1 ? Dims{0, 4, 2, 1, 3} : Dims{0, 2, 4, 1, 3};
  auto to = [&](Tensor t) {
    return reshape(transpose(reshape(t, {n, h, w, c / raft, raft}), perm), {n, -1, raft * length});
  };
  auto from = [&](Tensor t) {
    return reshape(transpose(reshape(t, {n, c / raft, h * w / length, raft, length}), back), {n, h, w, c});
  };
  return mixed(s, s["norm"][1], x, 2, drop, to, from);
}

Tensor mix_tokens(Scope s, Tensor x, float drop) {  // [n,h,w,c] -> same
  auto to = [](Tensor t) { return transpose(reshape(t, {t.n(), t.h() * t.w(), t.c()}), {0, 2, 1}); };
  auto from = [&](Tensor t) { return reshape(transpose(t, {0, 2, 1}), x.shape()); };
  return mixed(s, s["norm"][1], x, 2, drop, to, from);
}

// Swaps the two axes that the channels are made of, `outer` times the rest.
Tensor swap_channels(Tensor x, int outer) {
  Tensor t = reshape(x, {x.n(), x.h(), x.w(), outer, x.c() / outer});
  return reshape(transpose(t, {0, 1, 2, 4, 3}), x.shape());
}

Tensor block(Scope s, Tensor x, int raft, Pair grid, float drop) {  // [n,h,w,c] -> same
  Pair own(x.h(), x.w());
  x = resize_bicubic(x, grid.h, grid.w);
  if (raft) {
    x = mix_axis(s[1], swap_channels(x, raft), raft, 1, drop);
    x = swap_channels(mix_axis(s[3], x, raft, 2, drop), x.c() / raft);
  } else {
    x = mix_tokens(s[1], x, drop);
  }
  x = resize_bicubic(x, own.h, own.w);
  return s.out(mix_channels(s[raft ? 5 : 3], x, drop));
}

// Windows of several sizes around every patch, one linear layer for all, whose weights lie as [c,window,window] one after
// the other: a sum of convolutions.
Tensor embed_windows(Scope s, Tensor x, const RaftLevel& a) {
  int in = 0, at = 0;
  for (int k : a.windows) in += k * k * x.c();
  Tensor weight = s.param("weight", {a.dim, in}, fan_in_uniform({a.dim, in}, 1)), y;
  for (int k : a.windows) {
    int size = k * k * x.c();
    Tensor kernel = transpose(reshape(slice(weight, 1, at, size), {a.dim, x.c(), k, k}), {0, 2, 3, 1});
    Tensor part = conv2d(x, kernel, {.stride = a.patch, .pad = Pair((k - a.patch) / 2)});
    y = y ? y + part : part, at += size;
  }
  return y + s.param("bias", {a.dim}, fan_in_uniform({a.dim, in}, 1));
}

Tensor embed(Scope s, Tensor x, const RaftLevel& a) {  // [n,h,w,c] -> [n,h/patch,w/patch,dim]
  int h = ceil_div(x.h(), a.patch), w = ceil_div(x.w(), a.patch);
  x = resize_bicubic(x, h * a.patch, w * a.patch);
  if (!a.windows.empty()) return embed_windows(s[0]["fc"], x, a);
  return linear(s[1], reshape(to_windows(x, a.patch), {x.n(), h, w, a.patch * a.patch * x.c()}), a.dim);
}

Tensor raftmlp(Scope s, Tensor x, const RaftMLP& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  Pair grid = m.size ? Pair(m.size) : Pair(x.h(), x.w());
  int last = static_cast<int>(m.levels.size()) - 1, dim = m.levels.back().dim, blocks = 0, index = 0;
  for (const RaftLevel& a : m.levels) blocks += a.depth;
  std::vector<Tensor> said;  // of every level
  for (int i = 0; i <= last; i++) {
    const RaftLevel& a = m.levels[static_cast<size_t>(i)];
    Scope fn = s["levels"][i]["fn"], head = s["heads"][m.shortcut ? i : 0];
    x = embed(fn, x, a);
    grid = {ceil_div(grid.h, a.patch), ceil_div(grid.w, a.patch)};
    for (int j = 0; j < a.depth; j++) x = block(fn[2 + j], x, a.raft, grid, drop_rate(o.drop_path, index++, blocks));
    if (i < last && !m.shortcut) continue;
    said.push_back(global_avg_pool(layer_norm(head[1], x, 1e-5f)));
    if (i < last) said.back() = linear(head[4], said.back(), 2 * dim);
  }
  Tensor y = said.back();
  for (size_t i = said.size() - 1; i-- > 0;) y = slice(said[i], 1, 0, dim) * y + slice(said[i], 1, dim, dim);
  return linear(s["classifier"], dropout(s["classifier"], y, o.drop), o.classes);
}

RaftMLP crossed(int d0, int d1, int d2, int d3) {
  return {{{2, d0, 4, 2, {4, 8}}, {2, d1, 2, 2, {2, 4}}, {6, d2, 2, 2, {2, 4}}, {2, d3, 2, 2, {2}}}};
}
RaftMLP hierarchy(bool shortcut) { return {{{2, 96, 4, 2}, {2, 192, 2, 2}, {6, 384, 2, 2}, {2, 768, 2, 2}}, 0, shortcut}; }

const Variant<RaftMLP> variants[] = {
    {"raftmlp_s", crossed(64, 128, 256, 512), imagenet_card()},
    {"raftmlp_m", crossed(96, 192, 384, 768), imagenet_card()},
    {"raftmlp_l", crossed(128, 192, 512, 1024), imagenet_card()},
    {"raftmlp_hierarchy", hierarchy(false), imagenet_card()},
    {"raftmlp_hierarchy_shortcut", hierarchy(true), imagenet_card()},
    {"raftmlp_isotropic", {{{12, 768, 16, 4}}, 0}, imagenet_card()},
    {"raftmlp_r1", {{{12, 768, 16, 1}}, 0}, imagenet_card()},
    {"raftmlp_r2", {{{12, 768, 16, 2}}, 0}, imagenet_card()},
    {"raftmlp_r2_cross", {{{12, 768, 16, 2, {16, 32}}}, 0}, imagenet_card()},
    {"raftmlp_deep", {{{36, 384, 16, 2}}, 0}, imagenet_card()},
    {"raftmlp_org_mixer", {{{12, 768, 16}}, 0}, imagenet_card()},
    {"raftmlp_cifar10", {{{2, 128, 2, 4, {2, 4, 8}}, {2, 256, 2, 4, {2, 4}}}, 0}, imagenet_card(32, 1)},
    {"raftmlp_cifar10_org_mixer", {{{4, 256, 4}}, 0}, imagenet_card(32, 1)},
};

}  // namespace

std::vector<Model> models_of_raftmlp() { return models_from<RaftMLP>("raftmlp", variants, raftmlp); }

}  // namespace fovea
