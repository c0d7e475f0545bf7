// Convolutions with another kernel than their weight, or more around it: learnable spacings, fixed densities
// (arXiv:2505.24527), kernels that are computed, windows without padding, gates. Each with the arguments and parameter names
// of its paper's code.
#include "base/error.h"
#include "base/text.h"
#include "models/conv_settings.h"
#include "models/registry.h"
#include "nn/dcls.h"
#include "nn/dynamic_conv.h"
#include "nn/gated_conv.h"
#include "nn/involution.h"
#include "nn/partial_conv.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

Tensor dcls(Scope s, Tensor x, const Settings& settings, int axes) {
  ConvSettings o = read_conv(settings, x, {.kernel = "dilated_kernel_size"});
  if (o.sequence != (axes == 1)) fail(Code::usage, "dcls{}d of {}", axes, x.shape().str());
  if (!(o.conv.dilation == Pair(1))) fail(Code::usage, "a kernel in a dilated box has no other dilation");
  SpacedKernel kernel{.out = o.out,
                      .in = o.in / o.conv.groups,
                      .count = settings.integer("kernel_count", 1),
                      .box = o.kernel,
                      .axes = axes,
                      .spread = spread_of(settings.text("version", "gauss"))};
  if (kernel.count < 1) fail(Code::usage, "a kernel has at least 1 weight");
  Tensor dense = spaced_kernel(s, kernel);
  Tensor y = convolve(to_map(x), dense, o);
  if (o.bias) y = y + conv_bias(s, o);
  s.graph().output("dense_kernel", dense);
  return from_map(y, o);
}
Tensor dcls1d(Scope s, Tensor x, const ModelOptions& o) { return dcls(s, x, o.settings, 1); }
Tensor dcls2d(Scope s, Tensor x, const ModelOptions& o) { return dcls(s, x, o.settings, 2); }

// The density of one axis: [size], 1 in the middle.
Tensor density(Graph& g, const std::vector<double>& den) {
  std::vector<Tensor> parts;
  for (double d : den) parts.push_back(full(g, {1}, static_cast<float>(d)));
  std::vector<Tensor> mirrored(parts.rbegin(), parts.rend());
  parts.push_back(full(g, {1}, 1));
  parts.insert(parts.end(), mirrored.begin(), mirrored.end());
  return concat(parts, 0);
}

Tensor weighted_conv(Scope s, Tensor x, const ModelOptions& options) {
  ConvSettings o = read_conv(options.settings, x, {.padding = 1, .bias = false});
  std::vector<double> den = options.settings.list("den");
  int size = 2 * static_cast<int>(den.size()) + 1;
  if (o.kernel.w != size || o.kernel.h != (o.sequence ? 1 : size))
    fail(Code::usage, "{} densities make a kernel of {}, got {}x{}", den.size(), size, o.kernel.h, o.kernel.w);
  Tensor along = reshape(density(s.graph(), den), {size, 1});  // [kw,1]
  Tensor weight = conv_weight(s, o) * along;
  if (!o.sequence) weight = weight * reshape(along, {size, 1, 1});
  Tensor y = convolve(to_map(x), weight, o);
  return from_map(o.bias ? y + conv_bias(s, o) : y, o);
}

Tensor partial_conv_layer(Scope s, Tensor x, const ModelOptions& options) {
  if (x.rank() != 4) fail(Code::usage, "a partial convolution takes maps, got {}", x.shape().str());
  ConvSettings o = read_conv(options.settings, x);
  PartialWindows at = partial_windows(s.graph(), {x.h(), x.w()}, o.kernel, o.conv);
  Tensor y = convolve(x, conv_weight(s, o), o) * at.scale;
  if (o.bias) y = y + conv_bias(s, o) * at.some;
  if (options.settings.flag("return_mask", false)) {
    bool all = options.settings.flag("multi_channel", false);
    s.graph().output("mask", all ? broadcast_to(at.some, y.shape()) : at.some);
  }
  return y;
}

Tensor involution_layer(Scope s, Tensor x, const ModelOptions& o) {
  if (x.rank() != 4 || o.settings.integer("channels", x.c()) != x.c())
    fail(Code::usage, "involution of {}: need [n,channels,h,w]", x.shape().str());
  return involution(s, x, o.settings.integer("kernel_size", 7), o.settings.integer("stride", 1));
}

Act act_of(const std::string& name) {
  if (name == "GELU") return Act::gelu;
  if (name == "SiLU") return Act::silu;
  if (name == "ReLU") return Act::relu;
  fail(Code::unsupported, "the activation \"{}\"", escape_control(name));
}

Tensor atconv(Scope s, Tensor x, const ModelOptions& o) {
  const Settings& settings = o.settings;
  int window = settings.integer("kernel_size", 3);
  if (x.rank() != 4 || window < 1 || window % 2 == 0)
    fail(Code::usage, "attentive convolution of {} with a kernel of {}: need a map and an odd size", x.shape().str(),
         window);
  return attentive_conv(s, x, window, settings.flag("bias", true), act_of(settings.text("act_layer", "GELU")));
}

Tensor lsconv(Scope s, Tensor x, const ModelOptions&) {
  if (x.rank() != 4 || x.c() % 8) fail(Code::usage, "LS convolution of {}: need a multiple of 8 channels", x.shape().str());
  return large_small_conv(s, x);
}

Tensor gnconv(Scope s, Tensor x, const ModelOptions& o) {
  GatedConv a{.order = o.settings.integer("order", 5), .scale = o.settings.number("s", 1)};
  std::string filter = o.settings.text("gflayer", "");
  if (filter == "GlobalLocalFilter")
    a.filter = {o.settings.integer("h", 14), o.settings.integer("w", 8)};
  else if (!filter.empty())
    fail(Code::unsupported, "the filter \"{}\"", escape_control(filter));
  // The halves of what is filtered have the same size.
  int unit = a.order < 1 || a.order > 16 ? 0 : (filter.empty() ? 1 : 2) << (a.order - 1);
  if (x.rank() != 4 || !unit || x.c() % unit || (!filter.empty() && (a.filter.h < 1 || a.filter.w < 1)))
    fail(Code::usage, "gated convolution of order {} of {}: the channels do not divide", a.order, x.shape().str());
  return gated_conv(s, x, a);
}

Model layer(const char* name, Tensor (*build)(Scope, Tensor, const ModelOptions&)) {
  return {.name = name, .family = "conv_layers", .build = build, .kind = ModelKind::layer};
}

}  // namespace

std::vector<Model> models_of_conv_layers() {
  return {layer("dcls1d", dcls1d),
          layer("dcls2d", dcls2d),
          layer("weighted_conv", weighted_conv),
          layer("partial_conv", partial_conv_layer),
          layer("involution", involution_layer),
          layer("atconv_layer", atconv),
          layer("lsconv_layer", lsconv),
          layer("gnconv", gnconv)};
}

}  // namespace fovea
