// Multiscale deep equilibrium (arXiv:2006.08656): one layer on maps of several resolutions, applied until it changes
// nothing. It is applied `steps` times here, gradients included. Names follow locuslab/mdeq.
#include <algorithm>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/conv_norm_act.h"
#include "nn/resize.h"
#include "ops/conv2d.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace fovea {

namespace {

struct Mdeq {
  std::vector<int> widths, heads;  // of the branches, finest first; of the classifier's bottlenecks
  int features;                    // of the classifier
  int expand = 5, groups = 8;
  int halvings = 0;  // before the finest branch
  int steps = 22;    // of the iteration
  float drop = 0;
  bool weight_norm = true;
};
using Maps = std::vector<Tensor>;

// Convolution whose kernels have a length of their own (arXiv:1602.07868).
Tensor normed_conv(Scope s, Tensor x, int out, int window, bool normed) {
  if (!normed) return conv(s, x, out, window, {.init = fan_in_uniform});
  Shape shape{out, window, window, x.c()};
  Tensor v = s.param("weight_v", shape, normal(0.01f), {0, 3, 1, 2});
  Tensor length = s.param("weight_g", {out, 1, 1, 1}, fill(1));
  Tensor w = v * (length / sqrt(reduce_sum(square(v), {1, 2, 3})));
  return conv2d(x, w, {.pad = window / 2});
}

Tensor block(Scope s, Tensor x, Tensor injected, const Mdeq& m) {  // [n,h,w,c] -> same
  Tensor y = relu(group_norm(s["gn1"], normed_conv(s["conv1"], x, m.expand * x.c(), 3, m.weight_norm), m.groups));
  y = dropout(s["drop"], normed_conv(s["conv2"], y, x.c(), 3, m.weight_norm), m.drop);
  y = group_norm(s["gn2"], injected ? y + injected : y, m.groups);
  return group_norm(s["gn3"], relu(y + x), m.groups);
}

// From branch `from` to branch `to` of another resolution.
Tensor exchange(Scope s, Tensor x, size_t from, size_t to, const Tensor& like, const Mdeq& m) {
  const int out = like.c();
  Scope net = s["net"];
  if (from > to) {
    x = group_norm(net["gnorm"], conv(net["conv"], x, out, 1), m.groups);
    return resize_nearest(x, like.h(), like.w());
  }
  for (size_t i = from; i < to; i++) {
    Scope at = net[static_cast<int>(i - from)];
    x = group_norm(at["gnorm"], conv(at["conv"], x, i + 1 < to ? x.c() : out, 3, {.stride = 2}), m.groups);
    if (i + 1 < to) x = relu(x);
  }
  return x;
}

// What is iterated: every branch by itself, then all of them at every branch. Only the finest sees the picture.
Maps layer(Scope s, const Maps& z, Tensor picture, const Mdeq& m) {
  Maps y, r;
  for (size_t i = 0; i < z.size(); i++)
    y.push_back(block(s["branches"][static_cast<int>(i)]["blocks"][0], z[i], i == 0 ? picture : Tensor{}, m));
  if (y.size() == 1) return y;
  for (size_t to = 0; to < y.size(); to++) {
    Tensor sum = y[to];
    for (size_t from = 0; from < y.size(); from++)
      if (from != to)
        sum = sum + exchange(s["fuse_layers"][static_cast<int>(to)][static_cast<int>(from)], y[from], from, to, y[to], m);
    Scope after = s["post_fuse_layers"][static_cast<int>(to)];
    sum = normed_conv(after["conv"], relu(sum), sum.c(), 1, m.weight_norm);
    r.push_back(group_norm(after["gnorm"], sum, m.groups / 2));
  }
  return r;
}

Tensor fixed_norm(Scope s, Tensor x) {  // batch_norm without scale and shift
  const Shape c{x.c()};
  return batch_norm(x, full(*x.graph, c, 1), full(*x.graph, c, 0), s.buffer("running_mean", c, fill(0)),
                    s.buffer("running_var", c, fill(1)));
}

Tensor bottleneck(Scope s, Tensor x, int inner) {  // [n,h,w,c] -> [n,h,w,4*inner]
  Tensor y = relu(fixed_norm(s["bn1"], conv(s["conv1"], x, inner, 1)));
  y = relu(fixed_norm(s["bn2"], conv(s["conv2"], y, inner, 3)));
  y = fixed_norm(s["bn3"], conv(s["conv3"], y, 4 * inner, 1));
  if (x.c() != y.c()) x = conv_norm_act(s["downsample"], x, y.c(), 1, {.act = Act::none, .conv = "0", .norm = "1"});
  return s.out(relu(x + y));
}

Tensor sequence(Scope s, Tensor x, int out, int window, int stride, int first, bool bias = false) {
  const std::string conv = std::to_string(first), norm = std::to_string(first + 1);
  return conv_norm_act(s, x, out, window, {.stride = stride, .bias = bias, .conv = conv.c_str(), .norm = norm.c_str()});
}

Maps equilibrium(Scope s, Tensor image, const Mdeq& m) {
  Tensor x = sequence(s["downsample"], image, m.widths[0], 3, m.halvings >= 1 ? 2 : 1, 0);
  x = sequence(s["downsample"], x, m.widths[0], 3, m.halvings >= 2 ? 2 : 1, 3);
  if (m.halvings > 0 || m.widths.size() > 2) x = sequence(s["stage0"], x, m.widths[0], 1, 1, 0);
  Maps z;
  for (size_t i = 0; i < m.widths.size(); i++) z.push_back(full(s.graph(), {x.n(), x.h() >> i, x.w() >> i, m.widths[i]}, 0));
  for (int i = 0; i < m.steps; i++) z = layer(s["fullstage"].shared(), z, x, m);
  return z;
}

Tensor classify(Scope s, const Maps& z, const Mdeq& m, int classes, float drop) {  // -> [n,classes]
  Tensor y;
  for (size_t i = 0; i < z.size(); i++) {
    Tensor part = bottleneck(s["incre_modules"][static_cast<int>(i)][0], z[i], m.heads[i]);
    Scope down = s["downsamp_modules"][static_cast<int>(i) - 1];
    y = i == 0 ? part : part + sequence(down, y, part.c(), 3, 2, 0, true);
  }
  y = global_avg_pool(sequence(s["final_layer"], y, m.features, 1, 1, 0, true));
  return linear(s["classifier"], dropout(s["classifier"], y, drop), classes);
}

Tensor mdeq(Scope s, Tensor image, const Mdeq& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  return classify(s, equilibrium(s, image, m), m, o.classes, o.drop);
}

// A configuration file of the reference, as its fixtures say; further outputs: the maps.
Tensor configured(Scope s, Tensor image, const ModelOptions& options) {
  const Settings& o = options.settings;
  const std::string stage = "MODEL.EXTRA.FULL_STAGE.";
  auto list = [&](const char* name, const std::vector<double>& fallback) {
    std::vector<double> v = o.list(stage + name, fallback);
    return std::vector<int>(v.begin(), v.end());
  };
  Mdeq m{list("NUM_CHANNELS", {24, 24}), list("HEAD_CHANNELS", {8, 16}), o.integer(stage + "FINAL_CHANSIZE", 200)};
  m.expand = o.integer("MODEL.EXPANSION_FACTOR", 5), m.groups = o.integer("MODEL.NUM_GROUPS", 8);
  m.halvings = o.integer("MODEL.DOWNSAMPLE_TIMES", 0), m.steps = o.integer("MODEL.F_THRES", 22);
  m.drop = o.number("MODEL.DROPOUT", 0), m.weight_norm = o.flag("MODEL.WNORM", true);
  if (int unrolled = o.integer("unrolled_steps", 0)) m.steps = unrolled;
  Maps z = equilibrium(s, image, m);
  for (size_t i = 0; i < z.size(); i++) s.graph().output("map" + std::to_string(i), z[i]);
  return classify(s, z, m, o.integer("MODEL.NUM_CLASSES", 10), 0);
}

const Variant<Mdeq> cifar[] = {
    {"mdeq_cifar_tiny", {{24, 24}, {8, 16}, 200, 5, 8, 0, 22, 0.25f}, unit_card(32)},
    {"mdeq_cifar_large", {{32, 64, 128, 256}, {14, 28, 56, 112}, 1680, 5, 8, 0, 18, 0.3f}, unit_card(32)},
};
const Variant<Mdeq> imagenet[] = {
    {"mdeq_small", {{32, 64, 128, 256}, {24, 48, 96, 192}, 2048, 5, 8, 2, 26}, imagenet_card()},
    {"mdeq_large", {{88, 176, 352, 704}, {32, 64, 128, 256}, 2048, 6, 8, 2, 24}, imagenet_card()},
    {"mdeq_xl", {{88, 176, 352, 704}, {32, 64, 128, 256}, 2048, 6, 8, 2, 27}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_mdeq() {
  std::vector<Model> r = models_from<Mdeq>("mdeq", cifar, mdeq, 10), large = models_from<Mdeq>("mdeq", imagenet, mdeq);
  r.insert(r.end(), large.begin(), large.end());
  r.push_back({.name = "mdeq", .family = "mdeq", .build = configured, .kind = ModelKind::layer});
  return r;
}

}  // namespace fovea
