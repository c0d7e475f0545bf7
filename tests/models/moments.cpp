// What deep networks start from: initialisers and activations that keep the moments of values through many layers.
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "nn/layers.h"
#include "run/program.h"

namespace fovea {
namespace {

struct Moments {
  double mean = 0, variance = 0, size = 0;  // size: the mean square
};
Moments moments(const float* x, int64_t n) {
  Moments m;
  for (int64_t i = 0; i < n; i++) m.mean += static_cast<double>(x[i]), m.size += std::pow(static_cast<double>(x[i]), 2);
  m.mean /= static_cast<double>(n), m.size /= static_cast<double>(n);
  m.variance = m.size - m.mean * m.mean;
  return m;
}

// The moments after `layers` layers, each recorded by `layer`, of normal inputs with this mean and standard deviation.
Moments after(const Shape& shape, int layers, double mean, double deviation, uint64_t seed, Tensor (*layer)(Scope, Tensor)) {
  Graph g;
  Tensor x = g.input("x", {shape});
  for (int i = 0; i < layers; i++) x = layer(Scope(g)[i], x);
  g.output("y", x);
  State state;
  state.add(g, seed);
  Pool pool(2);
  Program p(make_plan(g, {.threads = 2}), state, pool);
  Random random(seed, 1);
  for (int64_t i = 0; i < shape.numel(); i++)
    p.input("x")[i] = static_cast<float>(mean + deviation * static_cast<double>(random.normal()));
  p.run();
  return moments(p.output("y"), p.output_shape("y").numel());
}

Tensor lecun(Scope s, Tensor x, Act act) { return activation(linear(s, x, x.c(), {.init = lecun_normal}), act); }

TEST(Moments, SeluKeepsThemFromPerturbedInputsAndReluCollapses) {
  for (auto [mean, deviation] : {std::pair{0.5, 1.0}, {-0.5, 0.5}, {0.0, 2.0}}) {
    SCOPED_TRACE(mean);
    SCOPED_TRACE(deviation);
    Moments selu = after({64, 256}, 32, mean, deviation, 3, [](Scope s, Tensor x) { return lecun(s, x, Act::selu); });
    EXPECT_NEAR(selu.mean, 0, 0.1);
    EXPECT_GE(selu.variance, 0.8);
    EXPECT_LE(selu.variance, 1.5);
    Moments relu = after({64, 256}, 32, mean, deviation, 3, [](Scope s, Tensor x) { return lecun(s, x, Act::relu); });
    EXPECT_LT(relu.variance, 1e-6);
  }
}

// The size of rectified values after 30 layers over that of the input, averaged over nets: single ones of finite width
// wander around it.
double size_ratio(const Shape& shape, Tensor (*layer)(Scope, Tensor)) {
  double sum = 0;
  for (uint64_t seed = 0; seed < 4; seed++) sum += after(shape, 30, 0, 1, seed, layer).size;
  return sum / 4;
}

TEST(Moments, HeKeepsTheSizeThroughThirtyLayersAndXavierDoesNot) {
  auto he = [](Scope s, Tensor x) { return activation(linear(s, x, x.c(), {.init = fan_in_normal}), Act::relu); };
  auto xavier = [](Scope s, Tensor x) { return activation(linear(s, x, x.c(), {.init = xavier_normal}), Act::relu); };
  auto with_prelu = [](Scope s, Tensor x) { return prelu(s["act"], linear(s["fc"], x, x.c(), {.init = prelu_normal})); };
  auto conv_he = [](Scope s, Tensor x) {  // one pixel wide: padding would lose size at the border
    return activation(conv(s, x, x.c(), 1, {.init = fan_in_normal}), Act::relu);
  };
  for (double ratio : {size_ratio({16, 256}, he), size_ratio({16, 256}, with_prelu), size_ratio({2, 3, 3, 256}, conv_he)}) {
    EXPECT_GE(ratio, 0.5);
    EXPECT_LE(ratio, 2);
  }
  EXPECT_LT(size_ratio({16, 256}, xavier), 1e-7);
}

}  // namespace
}  // namespace fovea
