#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "models/conv_settings.h"
#include "nn/init.h"
#include "ops/layout.h"
#include "ops/reshape.h"

namespace fovea {

Pair read_pair(const Settings& s, const char* name, Pair fallback) {
  std::vector<double> v = s.list(name);
  if (v.empty()) return fallback;
  for (double d : v)
    if (!(std::fabs(d) <= 1 << 20) || std::trunc(d) != d || v.size() > 2)
      fail(Code::usage, "the setting \"{}\" must be one or two integers", name);
  return {static_cast<int>(v[0]), static_cast<int>(v.back())};
}

// As wide as the convolution needs it for a result of the input's size; an odd pixel goes to the bottom and right.
static Pad same_padding(const ConvSettings& o) {
  if (!(o.conv.stride == Pair(1))) fail(Code::usage, "padding \"same\" needs stride 1");
  int h = (o.kernel.h - 1) * o.conv.dilation.h, w = (o.kernel.w - 1) * o.conv.dilation.w;
  return {h / 2, w / 2, h - h / 2, w - w / 2};
}

ConvSettings read_conv(const Settings& s, const Tensor& x, const ConvDefaults& d) {
  if (x.rank() != 3 && x.rank() != 4)
    fail(Code::unsupported, "convolution of {}: need [n,c,l] or [n,c,h,w]", x.shape().str());
  ConvSettings o{.sequence = x.rank() == 3};
  o.in = o.sequence ? x.dim(1) : x.c();
  o.out = s.integer("out_channels", 0), o.bias = s.flag("bias", d.bias);
  auto pair = [&](const char* name, int fallback, int row) {  // row: what a sequence's one row is given
    Pair p = read_pair(s, name, fallback);
    return o.sequence ? Pair(row, p.w) : p;
  };
  o.kernel = pair(d.kernel, 1, 1);
  o.conv = {.stride = pair("stride", 1, 1), .dilation = pair("dilation", 1, 1), .groups = s.integer("groups", 1)};
  if (int in = s.integer("in_channels", o.in); in != o.in) fail(Code::usage, "got {} channels, need {}", o.in, in);
  if (o.kernel.h < 1 || o.kernel.w < 1) fail(Code::usage, "the kernel must have at least 1 pixel");
  if (o.conv.groups < 1 || o.in % o.conv.groups || o.out % o.conv.groups || o.out < 1)
    fail(Code::usage, "{} groups of {} channels to {}", o.conv.groups, o.in, o.out);
  std::string padding = s.text("padding", "");
  if (padding == "same")
    o.conv.pad = same_padding(o);
  else if (padding.empty())
    o.conv.pad = pair("padding", d.padding, 0);
  else if (padding != "valid")
    fail(Code::usage, "the padding \"{}\"", escape_control(padding));
  o.edge = edge_of(s.text("padding_mode", "zeros"));
  return o;
}

Tensor conv_weight(Scope s, const ConvSettings& o) {
  Shape shape{o.out, o.kernel.h, o.kernel.w, o.in / o.conv.groups};
  Init init = fan_in_uniform(shape, o.conv.groups);
  if (!o.sequence) return s.param("weight", shape, init, {0, 3, 1, 2});
  return reshape(s.param("weight", {shape[0], shape[2], shape[3]}, init, {0, 2, 1}), shape);
}

Tensor conv_bias(Scope s, const ConvSettings& o) {
  return s.param("bias", {o.out}, fan_in_uniform({o.out, o.kernel.h, o.kernel.w, o.in / o.conv.groups}, 1));
}

Tensor to_map(Tensor x) { return x.rank() == 4 ? x : reshape(transpose(x, {0, 2, 1}), {x.dim(0), 1, x.dim(2), x.dim(1)}); }
Tensor from_map(Tensor y, const ConvSettings& o) {
  return o.sequence ? transpose(reshape(y, {y.n(), y.w(), y.c()}), {0, 2, 1}) : y;
}

Tensor convolve(Tensor map, Tensor weight, const ConvSettings& o) {
  if (o.edge == Edge::zeros) return conv2d(map, weight, o.conv);
  Conv2d inside = o.conv;
  inside.pad = 0;
  return conv2d(pad_edges(map, o.conv.pad, o.edge), weight, inside);
}

}  // namespace fovea
