#include "nn/mamba.h"

#include <cmath>
#include <vector>

#include "nn/layers.h"
#include "ops/conv2d.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"
#include "ops/selective_scan.h"

namespace fovea {

Init decay_init() { return {Init::Kind::log_count}; }
Init step_init() { return fill(-4.6f); }  // softplus makes it 0.01

Tensor scan(Scope s, Tensor u, Tensor delta, Tensor b, Tensor c, const ScanOptions& o) {
  Tensor a = -exp(s.param(o.a_log, {u.c(), b.c()}, decay_init()));
  return selective_scan(u, delta, a, b, c, o.reverse) + u * s.param(o.skip, {u.c()}, fill(1));
}

namespace {

// Every channel by itself, over its token and those before (reverse: behind) it: [n,t,c] -> same.
Tensor token_conv(Scope s, Tensor x, int window, bool reverse) {
  Shape shape{x.c(), window, 1};
  Tensor w = s.param("weight", shape, fan_in_uniform({x.c(), window, 1, 1}, x.c()), {0, 2, 1});
  if (reverse) {
    std::vector<Tensor> taps;
    for (int i = window - 1; i >= 0; i--) taps.push_back(slice(w, 1, i, 1));
    w = concat(taps, 1);
  }
  Pad before{window - 1, 0, 0, 0}, behind{0, 0, window - 1, 0};
  Tensor y = conv2d(reshape(x, {x.n(), x.dim(1), 1, x.c()}), reshape(w, {x.c(), window, 1, 1}),
                    {.pad = reverse ? behind : before, .groups = x.c()});
  return reshape(y, x.shape()) + s.param("bias", {x.c()}, fan_in_uniform({x.c(), window, 1, 1}, x.c()));
}

// One direction: what the tokens say decides how they are scanned.
Tensor branch(Scope s, Tensor x, const Mamba& m, int rank, const std::string& suffix) {
  const bool reverse = m.reverse != !suffix.empty();
  auto name = [&](const char* what) { return what + suffix; };
  x = activation(token_conv(s[name("conv1d")], x, m.window, reverse), Act::silu);
  Tensor told = linear(s[name("x_proj")], x, rank + 2 * m.states, {.bias = false});
  Scope step = s[name("dt_proj")];
  float bound = 1 / std::sqrt(static_cast<float>(rank));
  Tensor delta = linear(slice(told, 2, 0, rank), step.param("weight", {x.c(), rank}, uniform_init(bound)));
  delta = activation(delta + step.param("bias", {x.c()}, step_init()), Act::softplus);
  const std::string a_log = "A" + suffix + "_log", skip = name("D");
  return scan(s, x, delta, slice(told, 2, rank, m.states), slice(told, 2, rank + m.states, m.states),
              {a_log.c_str(), skip.c_str(), reverse});
}

}  // namespace

Tensor mamba(Scope s, Tensor x, const Mamba& m) {
  const int inner = m.expand * x.c(), rank = (x.c() + 15) / 16;
  Tensor both = linear(s["in_proj"], x, 2 * inner, {.bias = false});
  Tensor u = slice(both, 2, 0, inner), gate = activation(slice(both, 2, inner, inner), Act::silu);
  Tensor y = branch(s, u, m, rank, "");
  if (m.bidirectional) y = (y + branch(s, u, m, rank, "_b")) * 0.5f;
  return linear(s["out_proj"], y * gate, x.c(), {.bias = false});
}

}  // namespace fovea
