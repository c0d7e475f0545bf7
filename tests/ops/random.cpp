// Random draws: bits, not only values, and what dropout makes of them.
#include "ops/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/random.h"
#include "run/interpret.h"
#include "run/program.h"

namespace fovea {
namespace {

constexpr uint32_t kKey[2] = {0xFFFF0001u, 77};

std::vector<float> run(const Graph& g, int threads, bool reference = false) {
  State state;
  Pool pool(threads);
  Program p(make_plan(g, {.threads = threads, .reference = reference}), state, pool);
  for (int i : {0, 1}) p.input("key")[i] = std::bit_cast<float>(kKey[i]);
  if (p.has_input("x")) std::fill_n(p.input("x"), p.output_shape("y").numel(), 1.0f);
  p.run();
  return {p.output("y"), p.output("y") + p.output_shape("y").numel()};
}

TEST(Random, UniformIsItsReferenceBitForBitOnAnyThreads) {
  for (int n : {1, 6, 4099}) {  // none a multiple of the four numbers that a counter gives
    Graph g;
    Tensor y = uniform(g.input("key", {{2}, DType::u32}), {n}, 9);
    g.output("y", y);
    std::vector<double> want = interpret(g, {{g.inputs()[0].second, {kKey[0], kKey[1]}}}, {y.id})[y.id];
    for (int threads : {1, 3}) {
      std::vector<float> got = run(g, threads);
      ASSERT_EQ(std::vector<double>(got.begin(), got.end()), want) << n << " on " << threads << " threads";
    }
    EXPECT_EQ(run(g, 1, true), run(g, 1)) << "the reference row";
  }
}

// The fraction of x that a dropout keeps; every number must be 0 or 1 / (1 - rate).
double kept(const std::vector<float>& y, float rate) {
  double count = 0;
  for (float v : y) {
    EXPECT_TRUE(v == 0 || std::fabs(v - 1 / (1 - rate)) < 1e-6f) << v;
    count += v != 0;
  }
  return count / static_cast<double>(y.size());
}

TEST(Random, DropoutKeepsTheRestAndItsMean) {
  for (float rate : {0.1f, 0.5f, 0.9f}) {
    Graph g;
    Tensor x = g.input("x", {{50, 400}}), key = g.input("key", {{2}, DType::u32});
    g.output("y", dropout_train(x, key, {.rate = rate, .stream = 4}));
    EXPECT_NEAR(kept(run(g, 2), rate), 1 - rate, 0.015) << "four deviations of 20,000 draws";
  }
}

TEST(Random, AlphaDropoutKeepsMeanAndVariance) {
  constexpr int kCount = 400000;
  for (float rate : {0.05f, 0.1f, 0.5f}) {
    Graph g;
    Tensor x = g.input("x", {{kCount}}), key = g.input("key", {{2}, DType::u32});
    g.output("y", dropout_train(x, key, {.rate = rate, .alpha = true, .stream = 4}));
    State state;
    Pool pool(2);
    Program p(make_plan(g, {.threads = 2}), state, pool);
    for (int i : {0, 1}) p.input("key")[i] = std::bit_cast<float>(kKey[i]);
    Random random(1, 2);
    std::generate_n(p.input("x"), kCount, [&] { return random.normal(); });
    p.run();
    double sum = 0, squares = 0;
    for (int i = 0; i < kCount; i++) {
      double v = static_cast<double>(p.output("y")[i]);
      sum += v, squares += v * v;
    }
    EXPECT_NEAR(sum / kCount, 0, 0.02) << rate;
    EXPECT_NEAR(squares / kCount - std::pow(sum / kCount, 2), 1, 0.02) << rate;
  }
}

TEST(Random, DropPathKeepsOrDropsWholeSamples) {
  Graph g;
  Tensor x = g.input("x", {{1000, 2, 3, 5}}), key = g.input("key", {{2}, DType::u32});
  g.output("y", dropout_train(x, key, {.rate = 0.3f, .per_sample = true, .stream = 4}));
  std::vector<float> y = run(g, 2);
  EXPECT_NEAR(kept(y, 0.3f), 0.7, 0.06);
  for (size_t i = 0; i < y.size(); i += 30)
    EXPECT_TRUE(std::all_of(y.begin() + static_cast<long>(i), y.begin() + static_cast<long>(i) + 30,
                            [&](float v) { return v == y[i]; }))
        << "sample " << i / 30;
}

}  // namespace
}  // namespace fovea
