#include "ops/random.h"

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "ops/pointwise.h"

namespace fovea {

Tensor uniform(Tensor key, const Shape& shape, uint64_t stream) { return record(Uniform{shape, stream}, {key}); }
Tensor dropout(Tensor x, float rate, uint64_t stream) {
  return rate <= 0 ? x : record(Dropout{.rate = rate, .stream = stream}, {x});
}
Tensor drop_path(Tensor x, float rate, uint64_t stream) {
  return rate <= 0 ? x : record(Dropout{.rate = rate, .per_sample = true, .stream = stream}, {x});
}
Tensor alpha_dropout(Tensor x, float rate, uint64_t stream) {
  return rate <= 0 ? x : record(Dropout{.rate = rate, .alpha = true, .stream = stream}, {x});
}

Tensor dropout_train(Tensor x, Tensor key, const Dropout& a) {
  Shape mask = x.shape();
  for (int i = 1; a.per_sample && i < mask.rank; i++) mask[i] = 1;
  Tensor kept = greater_equal(uniform(key, mask, a.stream), scalar(x, a.rate));
  if (!a.alpha) return x * (kept * (1.0f / (1.0f - a.rate)));
  constexpr float limit = -1.7580993408473766f;  // SELU far to the left
  float scale = 1 / std::sqrt((1 - a.rate) * (1 + a.rate * limit * limit));
  return scale * ((x - limit) * kept + limit * (1 - a.rate));  // kept: x; dropped: limit; less the new mean
}

static Type infer(const Uniform& a, Types in) {
  if (in[0].dtype != DType::u32 || in[0].shape.numel() != 2) fail(Code::usage, "the key must be u32[2]");
  return {a.shape};
}
static Type infer(const Dropout& a, Types in) {
  if (!(a.rate >= 0 && a.rate < 1)) fail(Code::usage, "dropout rate {} is not in [0, 1)", a.rate);
  return in[0];
}

static void vjp(const Uniform&, Vjp&) {}
static Tensor body(const Dropout&, std::span<const Tensor> in) { return in[0]; }  // without a mode: the identity
static void reference(const Uniform& a, Views in, View out) {
  uint64_t key = static_cast<uint64_t>(in[0].data[0]) | static_cast<uint64_t>(in[0].data[1]) << 32;
  for (int64_t i = 0, n = out.shape->numel(); i < n; i += 4) {
    auto bits = philox(key, a.stream, static_cast<uint64_t>(i / 4));
    for (int64_t j = i; j < n && j < i + 4; j++)
      out.data[j] = static_cast<double>(unit_float(bits[static_cast<size_t>(j - i)]));
  }
}

static Cases dropout_cases() {
  return {{"no_mode", {{3, 5}}, [](auto in) { return dropout(in[0], 0.5f, 7); }}};
}
static Cases uniform_cases() {
  return {{"times", {{3, 5, 2}}, [](auto in) {
             return in[0] * uniform(in[0].graph->input("key", {{2}, DType::u32}), in[0].shape(), 7);
           }}};
}

FOVEA_OP(Uniform, "uniform", uniform_cases)
FOVEA_OP(Dropout, "dropout", dropout_cases)
FOVEA_OPS(random, &Uniform::op, &Dropout::op)

}  // namespace fovea
