// SparK (arXiv:2301.03580): a ConvNeXt sees a part of a picture's patches, as a sparse convolution does, and a decoder says
// what the others look like. Names follow the authors' implementation.
#include <algorithm>
#include <vector>

#include "base/error.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "nn/resize.h"
#include "nn/windows.h"
#include "ops/conv2d.h"
#include "ops/gather.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

namespace {

constexpr int kPatch = 32;

// Which patches are seen: one picture after the other, row by row.
struct Seen {
  int n, h, w;    // patches
  Tensor mask;    // [n,h,w,1]
  Tensor rows;    // numbers of those seen
  Tensor places;  // [n*h*w], which of the rows a patch is; their number for those not seen
  int count;
};

Seen read_mask(Tensor image, const Settings& o) {
  Seen s{.n = image.n(), .h = image.h() / kPatch, .w = image.w() / kPatch, .mask = {}, .rows = {}, .places = {}, .count = 0};
  const std::vector<double> given = o.list("active_mask");
  const size_t patches = static_cast<size_t>(s.n) * static_cast<size_t>(s.h) * static_cast<size_t>(s.w);
  if (given.size() != patches || image.h() % kPatch || image.w() % kPatch)
    fail(Code::usage, "a mask of {} patches for {}: need one for each 32x32 pixels", given.size(), image.shape().str());
  std::vector<float> mask, rows, places;
  for (size_t i = 0; i < patches; i++) {
    mask.push_back(given[i] != 0 ? 1 : 0);
    if (given[i] != 0)
      places.push_back(static_cast<float>(rows.size())), rows.push_back(static_cast<float>(i));
    else
      places.push_back(-1);
  }
  s.count = static_cast<int>(rows.size());
  if (s.count == 0 || rows.size() == patches) fail(Code::usage, "a mask must show some patches and hide some");
  for (float& p : places)
    if (p < 0) p = static_cast<float>(s.count);
  s.mask = reshape(numbers(*image.graph, mask), {s.n, s.h, s.w, 1});
  s.rows = numbers(*image.graph, rows), s.places = numbers(*image.graph, places);
  return s;
}

// What is not seen stays nothing, as if it were not computed.
Tensor hidden(Tensor x, const Seen& s) { return x * resize_nearest(s.mask, x.h(), x.w()); }

Tensor sparse_conv(Scope s, Tensor x, int out, int window, const Seen& seen, int groups = 1) {
  bool patches = groups == 1;  // that do not overlap
  ConvOptions o{.stride = patches ? window : 1, .groups = groups, .bias = true, .init = truncated_normal};
  o.pad = patches ? Padding::none : Padding::centred;
  return hidden(conv(s, x, out, window, o), seen);
}
Tensor sparse_norm(Scope s, Tensor x, const Seen& seen) { return hidden(layer_norm(s, x), seen); }

Tensor block(Scope s, Tensor x, const Seen& seen) {  // [n,h,w,c] -> same
  Tensor y = sparse_norm(s["norm"], sparse_conv(s["dwconv"], x, x.c(), 7, seen, x.c()), seen);
  y = gelu(linear(s["pwconv1"], y, 4 * x.c(), {.init = truncated_normal}));
  y = layer_scale(s, linear(s["pwconv2"], y, x.c(), {.init = truncated_normal}), "gamma", 1e-6f);
  return s.out(x + hidden(y, seen));
}

std::vector<Tensor> encode(Scope s, Tensor x, const Seen& seen, const Settings& o) {  // the maps of all stages
  const std::vector<double> depths = o.list("encoder.depths"), dims = o.list("encoder.dims");
  bool wide = std::all_of(dims.begin(), dims.end(), [](double d) { return d >= 1 && d <= 1 << 16; });
  if (depths.size() != 4 || dims.size() != 4 || !wide) fail(Code::usage, "a ConvNeXt of {} stages: need 4", depths.size());
  std::vector<Tensor> maps;
  for (int i = 0; i < 4; i++) {
    Scope down = s["downsample_layers"][i];
    int dim = static_cast<int>(dims[static_cast<size_t>(i)]);
    if (i == 0) x = sparse_norm(down[1], sparse_conv(down[0], x, dim, 4, seen), seen);
    if (i > 0) x = sparse_conv(down[1], sparse_norm(down[0], x, seen), dim, 2, seen);
    for (int j = 0; j < static_cast<int>(depths[static_cast<size_t>(i)]); j++) x = block(s["stages"][i][j], x, seen);
    maps.push_back(x);
  }
  return maps;
}

// Pixels that are seen, normed among themselves, and a learned token everywhere else.
Tensor densified(Scope s, Tensor x, int level, bool batch, const Seen& seen) {  // [n,h,w,c] -> same
  int c = x.c(), side = x.h() / seen.h;
  Scope norm = s["densify_norms"][level];
  Tensor rows = gather(to_windows(x, side), seen.rows);  // [count,pixels,c]
  rows = batch ? batch_norm(norm, rows) : layer_norm(norm, rows);
  Tensor token = s["mask_tokens"].param(std::to_string(level), {1, 1, 1, c}, trunc_normal(0.02f), {0, 3, 1, 2});
  Tensor parts[] = {rows, broadcast_to(reshape(token, {1, 1, c}), {1, side * side, c})};
  return from_windows(gather(concat(parts, 0), seen.places), side, x.shape());
}

Tensor up(Scope s, Tensor x) {  // transposed convolution: [n,h,w,c] -> [n,2h,2w,c]
  int c = x.c();
  Shape weight{c, 4, 4, c};
  Tensor w = s.param("weight", weight, fan_out_normal(weight, 1), {0, 3, 1, 2});
  Tensor y = conv2d_input_grad(w, x, {.stride = 2, .pad = 1}, {x.n(), 2 * x.h(), 2 * x.w(), c});
  return y + s.param("bias", {c}, fill(0));
}

Tensor decoder_block(Scope s, Tensor x, int out) {  // [n,h,w,c] -> [n,2h,2w,out]
  Scope layers = s["conv"];
  x = up(s["up_sample"], x);
  x = batch_norm(layers[1], conv(layers[0], x, x.c(), 3, {.init = truncated_normal}));
  x = activation(x, Act::relu6);
  return s.out(batch_norm(layers[4], conv(layers[3], x, out, 3, {.init = truncated_normal})));
}

// Mean squared error of the patches not seen, each of which has been given mean 0 and variance 1.
Tensor patch_loss(Tensor image, Tensor guess, const Seen& seen) {  // [1]
  int size = kPatch * kPatch * image.c(), patches = seen.n * seen.h * seen.w;
  auto rows = [&](Tensor t) { return reshape(to_windows(t, kPatch), {patches, size}); };
  Tensor target = rows(image);
  target = target - reduce_mean(target, {1});
  Tensor variance = reduce_sum(square(target), {1}) / static_cast<float>(size - 1);
  Tensor error = reduce_mean(square(rows(guess) - target / sqrt(variance + 1e-6f)), {1});
  Tensor unseen = 1.0f - reshape(seen.mask, {patches, 1});
  return reshape(reduce_sum(error * unseen, {0}), {1}) / (static_cast<float>(patches - seen.count) + 1e-8f);
}

// [n,h,w,c] -> the decoder's picture, its patches standardised; further output "loss".
Tensor spark(Scope s, Tensor image, const ModelOptions& options) {
  const Settings& o = options.settings;
  if (image.rank() != 4) fail(Code::usage, "SparK of {}: need a picture", image.shape().str());
  const Seen seen = read_mask(image, o);
  std::vector<Tensor> maps = encode(s["sparse_encoder"]["sp_cnn"], hidden(image, seen), seen, o);
  int width = o.integer("decoder_width", 768);
  if (width < kPatch) fail(Code::usage, "a decoder of {} channels: need {}, which are halved 5 times", width, kPatch);
  Tensor x;
  for (int i = 0; i < 5; i++) {
    int c = width >> i;
    if (i < 4) {
      Tensor d = densified(s, maps[static_cast<size_t>(3 - i)], i, o.text("densify_norm", "bn") == "bn", seen);
      ConvOptions wide{.bias = true};
      if (i > 0 || d.c() != c) d = conv(s["densify_projs"][i], d, c, i == 0 ? 1 : 3, wide);
      x = i == 0 ? d : x + d;
    }
    x = decoder_block(s["dense_decoder"]["dec"][i], x, c / 2);
  }
  x = conv(s["dense_decoder"]["proj"], x, image.c(), 1, {.bias = true, .init = truncated_normal});
  s.graph().output("loss", patch_loss(image, x, seen));
  return x;
}

}  // namespace

std::vector<Model> models_of_spark() {
  return {{.name = "spark_convnext", .family = "spark", .card = {}, .build = spark, .kind = ModelKind::layer}};
}

}  // namespace fovea
