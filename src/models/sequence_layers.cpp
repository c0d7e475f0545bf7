// Long convolutions of sequences [n,c,l] and [n,l,c], each with the arguments and parameter names of its paper's code.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "nn/long_conv.h"
#include "nn/resize.h"
#include "ops/barrier.h"
#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

Tensor swap(Tensor x) { return transpose(x, {0, 2, 1}); }
Tensor glu(Tensor x) { return slice(x, -1, 0, x.c() / 2) * sigmoid(slice(x, -1, x.c() / 2, x.c() / 2)); }

// Every kernel's answer beside the others': x [n,l,h], kernels [channels,h,k] -> [n,l,channels*h], with a direct path.
Tensor convolve(Scope s, Tensor x, Tensor kernels, Tensor (*conv)(Tensor x, Tensor kernel)) {
  int channels = kernels.dim(0), h = x.c();
  Tensor d = s.param("D", {channels, h}, normal(1));
  std::vector<Tensor> parts;
  for (int i = 0; i < channels; i++)
    parts.push_back(conv(x, reshape(slice(kernels, 0, i, 1), {h, kernels.dim(2)})) + x * reshape(slice(d, 0, i, 1), {h}));
  return concat(parts, 2);
}

// Cut or followed by zeros: [..., k] -> [..., length].
Tensor fit(Tensor x, int length) {
  if (x.c() >= length) return slice(x, -1, 0, length);
  return pad(x, {0, 0, 0}, {0, 0, length - x.c()});
}

// Simple long convolutions (arXiv:2302.06646): small weights of the kernel do not count.
Tensor long_conv(Scope s, Tensor x, const ModelOptions& o) {  // [n,h,l] -> same
  const Settings& settings = o.settings;
  if (x.rank() != 3 || settings.integer("H", x.dim(1)) != x.dim(1))
    fail(Code::usage, "a long convolution of {}: need [n,H,l]", x.shape().str());
  int h = x.dim(1), l = x.dim(2), channels = settings.integer("channels", 2), length = 2 * settings.integer("L", l);
  if (channels < 1 || length < 1) fail(Code::usage, "{} channels of length {}", channels, length);
  Tensor k = s.param("kernel", {channels, h, length}, normal(0.002f));
  k = relu(abs(k) - settings.number("kernel_lam", 0.1f)) * sign(k);
  k = dropout(s["kernel_drop"], k, settings.number("kernel_dropout", 0));
  Tensor y = gelu(convolve(s, swap(x), fit(k, 2 * l), two_sided_conv));
  y = dropout(s["dropout"], y, settings.number("dropout", 0.1f));
  return swap(glu(linear(s["output_linear"][0], y, 2 * h)));
}

struct SGConv {
  int channels, scales, dim, init_scale;
  bool bidirectional, transposed, linear, learnable, sum;
  std::string mode;

  explicit SGConv(const Settings& s) {
    mode = s.text("mode", "cat_randn");
    auto has = [&](const char* word) { return mode.find(word) != mode.npos; };
    channels = s.integer("channels", 1), bidirectional = s.flag("bidirectional", false);
    transposed = s.flag("transposed", true), linear = s.flag("linear", false);
    learnable = has("learnable"), sum = has("sum");
    init_scale = s.integer("init_scale", 0), dim = s.integer("kernel_dim", 64);
    if (!(has("randn") || has("cos")) || !(sum || has("cat")))
      fail(Code::usage, "there is no mode \"{}\"", escape_control(mode));
    if (!s.text("hyper_act", "").empty()) fail(Code::unsupported, "hyper_act: the reference does not run with it");
    if (dim < 1 || channels < 1) fail(Code::usage, "{} kernels of {}", channels, dim);
    double doublings = std::ceil(std::log2(static_cast<double>(s.integer("l_max", 1)) / dim));
    scales = s.integer("n_scales", s.integer("num_scales", 1 + static_cast<int>(doublings) - init_scale));
    if (scales < 1 || scales > 24 || std::abs(init_scale) > 24 ||
        (static_cast<int64_t>(dim) << (scales + init_scale)) > 1 << 24)
      fail(Code::usage, "{} scales of {} weights, the first {} doublings wide", scales, dim, init_scale);
  }
};

// [rows,c] -> [rows,c * 2^doublings], as PyTorch interpolates.
Tensor widen(Tensor x, int doublings, bool nearest) {
  int c = x.dim(1), wide = doublings < 0 ? c >> -doublings : c << doublings;
  if (doublings < 0 && wide << -doublings != c) fail(Code::usage, "{} weights cannot be halved {} times", c, -doublings);
  Tensor map = reshape(x, {x.dim(0), 1, c, 1});
  return reshape(nearest ? resize_nearest(map, 1, wide) : resize_bilinear(map, 1, wide), {x.dim(0), wide});
}

// The same few weights for every stretch of the kernel, each twice as long as the one before: [channels,h,length].
Tensor scaled_kernel(Scope s, const Settings& settings, int channels, int h, const SGConv& m) {
  Graph& g = s.graph();
  float low = settings.number("decay_min", 2), high = settings.number("decay_max", 2);
  Tensor multiplier = iota(g, {h, 1}, 0) * ((high - low) / static_cast<float>(std::max(1, h - 1))) + low;
  std::vector<Tensor> parts;
  for (int i = 0; i < m.scales; i++) {
    Tensor k = s["kernel_list"].param(std::to_string(i), {channels, h, m.dim}, normal(1));
    k = widen(reshape(k, {channels * h, m.dim}), (m.sum ? i : std::max(0, i - 1)) + m.init_scale,
              m.mode.find("nearest") != std::string::npos);
    k = reshape(k, {channels, h, -1});
    for (int j = i + 1; j < m.scales && !m.learnable; j++) k = k * multiplier;
    parts.push_back(k);
  }
  Tensor all = parts.back();
  if (m.sum)
    for (int i = 0; i + 1 < m.scales; i++) all = all + fit(parts[static_cast<size_t>(i)], all.c());
  else
    all = concat(parts, 2);
  if (!m.learnable) return all;
  bool fixed = m.mode.find("fixed") != std::string::npos;
  Tensor decay = fixed ? s.buffer("decay", {h}, fill((low + high) / 2)) : s.param("decay", {h}, fill((low + high) / 2));
  return all * exp(-reshape(decay, {h, 1}) * log(iota(g, {all.c()}, 0) + 1.0f));
}

// Divides by the size that the kernel had in the first run, which the state remembers.
Tensor normalize(Scope s, Tensor kernel) {
  Shape shape{kernel.dim(0), kernel.dim(1), 1};
  Tensor kept = s.buffer("kernel_norm", shape, fill(1)), known = s.buffer("kernel_norm_initialized", {}, fill(0));
  Tensor norm = select(known, kept, detach(sqrt(reduce_sum(square(kernel), {2}))));
  auto remember = [&](Tensor where, Tensor value) { s.graph().update(s.graph().param_of(where.id)->name, value); };
  remember(kept, norm), remember(known, full(s.graph(), {}, 1));
  return kernel / norm;
}

Tensor activate(Tensor x, const std::string& name) {
  if (name.empty() || name == "id" || name == "identity" || name == "linear") return x;
  if (name == "gelu") return gelu(x);
  if (name == "relu") return relu(x);
  if (name == "tanh") return tanh(x);
  if (name == "sigmoid") return sigmoid(x);
  if (name == "swish" || name == "silu") return activation(x, Act::silu);
  fail(Code::unsupported, "the activation \"{}\"", escape_control(name));
}

Tensor sgconv_norm(Scope s, Tensor x, bool transposed) {
  if (!transposed) return layer_norm(s, x, 1e-5f);
  Tensor centred = x - reduce_mean(x, {-1});
  Tensor scaled = s.param("s", {1}, fill(1)) * rsqrt(reduce_mean(square(centred), {-1}));
  return scaled * (centred + s.param("m", {1}, fill(0)));
}

// The last layer, with its activation; with weight_norm its rows have the lengths weight_g.
Tensor sgconv_output(Scope s, Tensor x, int out, const Settings& settings) {
  std::string after = settings.text("postact", "");
  if (!after.empty()) s = s[0];
  if (after == "glu") out *= 2;
  Tensor y;
  if (settings.flag("weight_norm", false)) {
    Shape shape{out, x.c()};
    Tensor v = s.param("weight_v", shape, fan_in_uniform(shape, 1)), g = s.param("weight_g", {out, 1}, fill(1));
    y = linear(x, v * (g * rsqrt(reduce_sum(square(v), {1})))) + s.param("bias", {out}, fan_in_uniform(shape, 1));
  } else {
    y = linear(s, x, out);
  }
  return after == "glu" ? glu(y) : activate(y, after);
}

// SGConv (arXiv:2210.09298).
Tensor sgconv(Scope s, Tensor x, const ModelOptions& o) {  // [n,h,l] -> same; [n,l,h] if not "transposed"
  const Settings& settings = o.settings;
  if (x.rank() != 3) fail(Code::usage, "a sequence has three dimensions, got {}", x.shape().str());
  if (settings.flag("transposed", true)) x = swap(x);  // [n,l,h]
  int l = x.dim(1), h = x.dim(2);
  if (settings.integer("d_model", h) != h) fail(Code::usage, "got {} channels, need d_model", h);
  SGConv m(settings);
  Tensor k = fit(normalize(s, scaled_kernel(s, settings, m.bidirectional ? 2 * m.channels : m.channels, h, m)), l);
  if (m.bidirectional) {
    Tensor sides[] = {slice(k, 0, 0, m.channels), reverse(slice(k, 0, m.channels, m.channels), 2)};
    k = concat(sides, 2);
  }
  Tensor y = convolve(s, x, k, m.bidirectional ? two_sided_conv : causal_conv);
  if (!m.linear) {
    y = dropout(s["dropout"], activate(y, settings.text("activation", "gelu")), settings.number("dropout", 0));
    if (settings.flag("ln", false)) y = sgconv_norm(s["norm"]["norm"], y, m.transposed);
    y = sgconv_output(s["output_linear"], y, h, settings);
  }
  s.graph().output("kernel", k);
  return m.transposed ? swap(y) : y;
}

Model layer(const char* name, Tensor (*build)(Scope, Tensor, const ModelOptions&)) {
  return {.name = name, .family = "sequence_layers", .build = build, .kind = ModelKind::layer};
}

}  // namespace

std::vector<Model> models_of_sequence_layers() { return {layer("long_conv", long_conv), layer("sgconv", sgconv)}; }

}  // namespace fovea
