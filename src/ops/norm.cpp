#include "ops/norm.h"

#include "base/error.h"
#include "ops/all_reduce.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/reshape.h"

namespace fovea {

Tensor batch_norm(Tensor x, Tensor gamma, Tensor beta, Tensor mean, Tensor var, BatchNorm a) {
  return record(a, {x, gamma, beta, mean, var});
}
Tensor batch_norm_train(Tensor x, Tensor gamma, Tensor beta, BatchNormTrain a) { return record(a, {x, gamma, beta}); }
Tensor layer_norm(Tensor x, Tensor gamma, Tensor beta, float eps) { return record(LayerNorm{eps}, {x, gamma, beta}); }

static void want_channels(Types in) {
  for (size_t i = 1; i < in.size(); i++)
    if (!(in[i].shape == Shape{in[0].shape[-1]}))
      fail(Code::usage, "{} is not one value per channel of {}", in[i].shape.str(), in[0].shape.str());
}
static Type infer(const Moments&, Types in) { return {{2, in[0].shape[-1]}}; }
static Type infer(const BatchNorm&, Types in) { return want_channels(in), in[0]; }
static Type infer(const BatchNormTrain&, Types in) { return want_channels(in), in[0]; }
static Type infer(const LayerNorm&, Types in) { return want_channels(in), in[0]; }

static Dims leading_axes(Tensor x) {
  Dims r;
  for (int i = 0; i < x.rank() - 1; i++) r.push(i);
  return r;
}
static Tensor row(Tensor m, int i) { return reshape(slice(m, 0, i, 1), {m.c()}); }
static Tensor stack(Tensor a, Tensor b) {  // [c], [c] -> [2,c]
  Tensor parts[] = {reshape(a, {1, a.c()}), reshape(b, {1, b.c()})};
  return concat(parts, 0);
}
// What one value of a channel weighs in its mean over all processes.
static float share(Tensor x, int processes) {
  return static_cast<float>(x.c()) / static_cast<float>(x.shape().numel() * processes);
}

static Tensor body(const Moments&, std::span<const Tensor> in) {
  Tensor x = in[0], mean = reduce_mean(x, leading_axes(x)), var = reduce_mean(square(x - mean), leading_axes(x));
  return stack(mean, var);
}
static void vjp(const Moments&, Vjp& g) {  // the mean's share of the variance's gradient is zero
  Tensor x = g.in[0];
  float each = share(x, 1);
  g.add(0, row(g.grad, 0) * each + (x - row(g.out, 0)) * (row(g.grad, 1) * (2.0f * each)));
}
Tensor moments(Tensor x, int processes) {  // about the common mean: sums of squares would cancel
  Tensor m = record(Moments{}, {x});
  if (processes == 1) return m;
  float each = 1.0f / static_cast<float>(processes);
  Tensor mean = all_reduce(row(m, 0), processes) * each;
  return stack(mean, all_reduce(row(m, 1) + square(row(m, 0) - mean), processes) * each);
}

std::pair<Tensor, Tensor> batch_norm_affine(Tensor gamma, Tensor beta, Tensor mean, Tensor var, float eps) {
  Tensor a = gamma * rsqrt(var + eps);
  return {a, beta - mean * a};
}

static Tensor body(const BatchNorm& a, std::span<const Tensor> in) {
  auto [scale, shift] = batch_norm_affine(in[1], in[2], in[3], in[4], a.eps);
  return in[0] * scale + shift;
}

static Tensor body(const BatchNormTrain& a, std::span<const Tensor> in) {
  Tensor m = moments(in[0], a.processes);
  return (in[0] - row(m, 0)) * (rsqrt(row(m, 1) + a.eps) * in[1]) + in[2];
}
static void vjp(const BatchNormTrain& a, Vjp& g) {  // gamma's and beta's: the shares of this process
  Tensor x = g.in[0], m = moments(x, a.processes), inv = rsqrt(row(m, 1) + a.eps), hat = (x - row(m, 0)) * inv;
  Tensor dbeta = sum_to(g.grad, {x.c()}), dgamma = sum_to(g.grad * hat, {x.c()});
  auto mean = [&](Tensor sum) { return all_reduce(sum, a.processes) * share(x, a.processes); };
  if (g.wants(0)) g.add(0, (g.grad - (mean(dbeta) + hat * mean(dgamma))) * (inv * g.in[1]));
  if (g.wants(1)) g.add(1, dgamma);
  if (g.wants(2)) g.add(2, dbeta);
}

static Tensor body(const LayerNorm& a, std::span<const Tensor> in) {
  Tensor centred = in[0] - reduce_mean(in[0], {-1});
  return centred * rsqrt(reduce_mean(square(centred), {-1}) + a.eps) * in[1] + in[2];
}
static Tensor normalised(Tensor x, float eps, Tensor* inverse) {
  Tensor centred = x - reduce_mean(x, {-1});
  *inverse = rsqrt(reduce_mean(square(centred), {-1}) + eps);
  return centred * *inverse;
}
static void vjp(const LayerNorm& a, Vjp& g) {
  Tensor x = g.in[0];
  if (g.wants(0)) g.add(0, record(LayerNormGrad{a.eps}, {x, g.in[1], g.grad}));
  if (!g.wants(1) && !g.wants(2)) return;
  Tensor sums = record(LayerNormSums{a.eps}, {x, g.grad});
  g.add(1, row(sums, 0));
  g.add(2, row(sums, 1));
}
static Type infer(const LayerNormSums&, Types in) { return {{2, in[0].shape[-1]}}; }
static Tensor body(const LayerNormSums& a, std::span<const Tensor> in) {
  Tensor x = in[0], dy = in[1], inverse, hat = normalised(x, a.eps, &inverse);
  return stack(sum_to(dy * hat, {x.c()}), sum_to(dy, {x.c()}));
}
static Type infer(const LayerNormGrad&, Types in) { return in[0]; }
static Tensor body(const LayerNormGrad& a, std::span<const Tensor> in) {
  Tensor inverse, hat = normalised(in[0], a.eps, &inverse), d = in[2] * in[1];
  return (d - (reduce_mean(d, {-1}) + hat * reduce_mean(d * hat, {-1}))) * inverse;
}

static Cases moments_cases() {
  return {{"map", {{3, 4, 5, 17}}, [](auto in) { return moments(in[0]); }}};
}
static Cases batch_cases() {
  return {{"map",
           {{2, 3, 4, 17}, {17}, {17}, {17}, {17}},
           [](auto in) { return batch_norm(in[0], in[1], in[2], in[3], in[4]); },
           0.2,
           2}};
}
static Cases train_cases() {
  return {{"map", {{2, 3, 4, 9}, {9}, {9}}, [](auto in) { return batch_norm_train(in[0], in[1], in[2], {}); }},
          {"vector", {{7, 5}, {5}, {5}}, [](auto in) { return batch_norm_train(in[0], in[1], in[2], {1e-3f}); }},
          {"of_three_processes", {{2, 3, 9}, {9}, {9}}, [](auto in) {
             return batch_norm_train(in[0], in[1], in[2], {.processes = 3});
           }}};
}
static Cases layer_cases() {
  return {{"tokens", {{2, 5, 24}, {24}, {24}}, [](auto in) { return layer_norm(in[0], in[1], in[2]); }},
          {"map", {{1, 3, 3, 33}, {33}, {33}}, [](auto in) { return layer_norm(in[0], in[1], in[2], 1e-5f); }}};
}

static Cases layer_grad_cases() {
  return {{"tokens", {{2, 5, 24}, {24}, {2, 5, 24}}, [](auto in) {
             return record(LayerNormGrad{1e-5f}, {in[0], in[1], in[2]});
           }}};
}
static Cases layer_sums_cases() {
  return {{"tokens", {{2, 5, 24}, {2, 5, 24}}, [](auto in) { return record(LayerNormSums{1e-5f}, {in[0], in[1]}); }}};
}

FOVEA_OP(Moments, "moments", moments_cases)
FOVEA_OP(BatchNorm, "batch_norm", batch_cases)
FOVEA_OP(BatchNormTrain, "batch_norm_train", train_cases)
FOVEA_OP(LayerNorm, "layer_norm", layer_cases)
FOVEA_OP(LayerNormGrad, "layer_norm_grad", layer_grad_cases)
FOVEA_OP(LayerNormSums, "layer_norm_sums", layer_sums_cases)
FOVEA_OPS(norm, &Moments::op, &BatchNorm::op, &BatchNormTrain::op, &LayerNorm::op, &LayerNormGrad::op, &LayerNormSums::op)

}  // namespace fovea
