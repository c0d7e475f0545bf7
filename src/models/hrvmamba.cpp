// HRVMamba (arXiv:2410.03174): branches of several resolutions whose blocks see wide, look where they like and scan along
// rows and columns, there and back. Names follow zhanghao5201/HRVMamba.
#include <array>

#include "models/cards.h"
#include "models/registry.h"
#include "nn/conv_norm_act.h"
#include "nn/deformable.h"
#include "nn/high_resolution.h"
#include "nn/mamba.h"
#include "nn/resize.h"
#include "nn/transformer.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/selective_scan.h"

namespace fovea {

namespace {

struct HRVMamba {
  int width;           // of the finest branch, every next one has twice as much
  int first;           // inner width of the bottlenecks before
  bool local = false;  // blocks have further convolutions, and channels are weighed
};

Tensor turn(Tensor x) { return transpose(x, {0, 2, 1, 3}); }  // columns for rows

// Part k of four that lie one after the other.
Tensor quarter(Tensor t, int k) {
  const int size = t.dim(0) / 4;
  Tensor part = slice(t, 0, k * size, size);
  return t.rank() == 3 ? reshape(part, {t.dim(1), t.dim(2)}) : part;
}

// Rows, columns, both from their ends, each with parameters of its own: the sum. [n,h,w,c] -> same
Tensor cross_scan(Scope s, Tensor x, int rank, int states) {
  const int c = x.c();
  Tensor tell = s.param("x_proj_weight", {4, rank + 2 * states, c}, fan_in_uniform({rank + 2 * states, c}, 1));
  Tensor step = s.param("dt_projs_weight", {4, c, rank}, fan_in_uniform({c, rank}, 1));
  Tensor bias = reshape(s.param("dt_projs_bias", {4, c}, step_init()), {4 * c});
  Tensor a = -exp(s.param("A_logs", {4 * c, states}, decay_init())), skip = s.param("Ds", {4 * c}, fill(1)), sum;
  for (int k = 0; k < 4; k++) {
    Tensor map = k % 2 == 1 ? turn(x) : x, u = reshape(map, {x.n(), -1, c}), told = linear(u, quarter(tell, k));
    Tensor delta = activation(linear(slice(told, 2, 0, rank), quarter(step, k)) + quarter(bias, k), Act::softplus);
    Tensor b = slice(told, 2, rank, states), read = slice(told, 2, rank + states, states);
    Tensor y = reshape(selective_scan(u, delta, quarter(a, k), b, read, k >= 2) + u * quarter(skip, k), map.shape());
    if (k % 2 == 1) y = turn(y);
    sum = sum ? sum + y : y;
  }
  return sum;
}

Tensor mixer(Scope s, Tensor x, bool weigh) {  // [n,h,w,c] -> same
  const LinearOptions bare{.bias = false, .init = truncated_normal};
  const int c = x.c(), inner = 2 * c, rank = (c + 15) / 16;
  Tensor y = deformable_conv(s["conv2d"], linear(s["in_proj"], x, inner, bare), rank, c % 80 == 0);
  y = layer_norm(s["out_norm"], cross_scan(s, activation(y, Act::silu), rank, 1), 1e-5f);
  if (weigh) {
    Scope fc = s["se"]["fc"];
    y = y * sigmoid(linear(fc[2], relu(linear(fc[0], reduce_mean(y, {1, 2}), inner / 8, bare)), inner, bare));
  }
  return linear(s["out_proj"], y, c, bare);
}

// A quarter of the channels for each of four windows, then the four in turn.
Tensor windows(Scope s, Tensor x) {
  const int each = x.c() / 4;
  std::vector<Tensor> parts;
  for (int i = 0; i < 4; i++) {
    Tensor part = slice(x, 3, i * each, each);
    part = conv(s[i], part, each, 2 * i + 3, {.groups = each, .bias = true});
    parts.push_back(reshape(part, {x.n(), x.h(), x.w(), each, 1}));
  }
  return reshape(concat(parts, 4), x.shape());
}

Tensor block(Scope s, Tensor x, bool local, float drop) {  // [n,h,w,c] -> same
  auto near = [&](const char* name, Tensor t) {
    return local ? t + conv(s[name], t, t.c(), 3, {.groups = t.c(), .bias = true}) : t;
  };
  Tensor y = gelu(windows(s["conv2d"], layer_norm(s["norm0"], near("cpe1", x), 1e-5f)));
  x = x + drop_path(s["conv2d"], y, drop);
  x = x + drop_path(s["op"], mixer(s["op"], layer_norm(s["norm"], x, 1e-5f), local), drop);
  x = near("cpe2", x);
  return s.out(x + drop_path(s["mlp"], mlp(s["mlp"], layer_norm(s["norm2"], x, 1e-5f), 2 * x.c()), drop));
}

// From a finer branch: depthwise, then pointwise, at each halving.
Tensor reduce(Scope s, Tensor x, int steps, int out) {
  for (int i = 0; i < steps; i++) {
    const bool last = i + 1 == steps;
    x = conv_norm_act(s[i], x, x.c(), 3, {.stride = 2, .groups = x.c(), .act = Act::none, .conv = "0", .norm = "1"});
    const Act act = last ? Act::none : Act::relu;
    x = conv_norm_act(s[i], x, last ? out : x.c(), 1, {.act = act, .conv = "2", .norm = "3"});
  }
  return x;
}
Tensor enlarge(Scope s, Tensor x, int times, const Shape& like) {
  x = conv_norm_pair(s, x, like[3], 1, 1, Act::none);
  x = resize_bilinear(x, times * x.h(), times * x.w());
  return x.h() == like[1] && x.w() == like[2] ? x : resize_bilinear(x, like[1], like[2]);
}

// Two blocks in every branch, then the sum of all at every branch's resolution.
Maps exchange(Scope s, Maps x, bool local, const float (&drops)[2]) {
  const int count = static_cast<int>(x.size());
  for (int i = 0; i < count; i++)
    for (int j = 0; j < 2; j++) {
      Tensor& map = x[static_cast<size_t>(i)];
      map = block(s["branches"][i][j], map, local, drops[j]);
    }
  Maps y;
  for (int i = 0; i < count; i++) {
    const Shape to = x[static_cast<size_t>(i)].shape();
    Tensor sum;
    for (int j = 0; j < count; j++) {
      Scope at = s["fuse_layers"][i][j];
      Tensor part = x[static_cast<size_t>(j)];
      if (j < i) part = reduce(at, part, i - j, to[3]);
      if (j > i) part = enlarge(at, part, 1 << (j - i), to);
      sum = j == 0 ? part : sum + part;
    }
    y.push_back(relu(sum));
  }
  return y;
}

Tensor neck(Scope s, const Maps& x) {  // -> [n,h,w,2048]
  Tensor y;
  for (int i = 0; i < 4; i++) {
    Tensor part = bottleneck(s["increase_layers"][i][0], x[static_cast<size_t>(i)], 32 << i);
    Scope down = s["downsample_layers"][i - 1];
    y = i == 0 ? part : part + conv_norm_act(down, y, 128 << i, 3, {.stride = 2});
  }
  return conv_norm_act(s["final_layer"], y, 2048, 1);
}

Tensor hrvmamba(Scope s, Tensor x, const HRVMamba& m, const ModelOptions& o) {  // [n,h,w,3] -> [n,classes]
  constexpr int kModules[] = {1, 4, 2};
  x = conv_norm_act(s, x, 64, 3, {.stride = 2, .conv = "conv1", .norm = "bn1"});
  x = conv_norm_act(s, x, 64, 3, {.stride = 2, .conv = "conv2", .norm = "bn2"});
  for (int i = 0; i < 2; i++) x = bottleneck(s["layer1"][i], x, m.first);
  Maps maps = {x};
  DropRamp drops(o.drop_path, std::array{2, 8, 4});
  for (int stage = 0; stage < 3; stage++) {
    maps = transition(s["transition" + std::to_string(stage + 1)], maps, stage + 2, m.width);
    for (int i = 0; i < kModules[stage]; i++) {
      const float first = drops.next();
      maps = exchange(s["stage" + std::to_string(stage + 2)][i], maps, m.local, {first, drops.next()});
    }
  }
  x = global_avg_pool(neck(s["neck"], maps));
  return linear(s["head"], dropout(s["head"], x, o.drop), o.classes);
}

const Variant<HRVMamba> variants[] = {
    {"hrvmamba_nano", {8, 16, true}, imagenet_card(256)},
    {"hrvmamba_tiny", {16, 32, true}, imagenet_card(256)},
    {"hrvmamba_small", {32, 64}, imagenet_card(256)},
    {"hrvmamba_base", {80, 64}, imagenet_card()},
};

}  // namespace

std::vector<Model> models_of_hrvmamba() { return models_from<HRVMamba>("hrvmamba", variants, hrvmamba); }

}  // namespace fovea
