#include "nn/layers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "base/error.h"
#include "nn/dcls.h"
#include "nn/edges.h"
#include "nn/mobile.h"
#include "nn/resize.h"
#include "nn/windows.h"
#include "ops/gather.h"
#include "ops/global_filter.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "run/interpret.h"

namespace fovea {
namespace {

// The value of what `build` records on x, with parameters at the values of `params` (by name) or their start.
std::vector<double> value(const Shape& shape, std::vector<double> x, const std::map<std::string, double>& params,
                          Tensor (*build)(Scope, Tensor)) {
  Graph g;
  Tensor in = g.input("x", {shape});
  Tensor out = build(Scope(g), in);
  Values given{{in.id, std::move(x)}};
  for (const Param& p : g.params()) {
    double start = static_cast<double>(p.init.a);
    auto it = params.find(p.name);
    given[p.node] = std::vector<double>(static_cast<size_t>(p.type.shape.numel()), it == params.end() ? start : it->second);
  }
  return interpret(g, given, {out.id}).at(out.id);
}

void expect_near(const std::vector<double>& got, const std::vector<double>& need) {
  ASSERT_EQ(got.size(), need.size());
  for (size_t i = 0; i < got.size(); i++) EXPECT_NEAR(got[i], need[i], 1e-6) << i;
}

TEST(Layers, Padding) {
  EXPECT_EQ(padding(Padding::centred, {1, 9, 9, 1}, 7), Pad(3));
  EXPECT_EQ(padding(Padding::centred, {1, 9, 9, 1}, {1, 5}, 1, 2), Pad(0, 4, 0, 4));
  EXPECT_EQ(padding(Padding::none, {1, 9, 9, 1}, 7), Pad(0));
  EXPECT_EQ(padding(Padding::same, {1, 128, 128, 1}, 3, 2), Pad(0, 0, 1, 1));  // even: only below and right
  EXPECT_EQ(padding(Padding::same, {1, 49, 10, 1}, {10, 4}, 2), Pad(4, 1, 5, 1));
  EXPECT_EQ(padding(Padding::same, {1, 32, 32, 1}, 5, 2), Pad(1, 1, 2, 2));
  EXPECT_EQ(padding(Padding::same, {1, 7, 8, 1}, 3, 1), Pad(1));
  EXPECT_EQ(padding(Padding::same, {1, 8, 8, 1}, 1, 2), Pad(0));
}

TEST(Layers, RoundChannels) {
  EXPECT_EQ(round_channels(32), 32);
  EXPECT_EQ(round_channels(11.2), 16);  // 8 would lose more than a tenth
  EXPECT_EQ(round_channels(5.6), 8);
  EXPECT_EQ(round_channels(44.8), 48);
  EXPECT_EQ(round_channels(18), 24);  // 16 again loses more than a tenth
  EXPECT_EQ(round_channels(18, 8, 0), 16);
}

TEST(Layers, Norms) {
  std::vector<double> x = {1, 3, 5, -2, 0, 2};
  expect_near(value({1, 2, 3}, x, {{"weight", 2}}, [](Scope s, Tensor t) { return rms_norm(s, t, 0); }),
              {2 / std::sqrt(35.0 / 3), 6 / std::sqrt(35.0 / 3), 10 / std::sqrt(35.0 / 3), -4 / std::sqrt(8.0 / 3), 0,
               4 / std::sqrt(8.0 / 3)});
  expect_near(value({1, 2, 3}, x, {}, [](Scope s, Tensor t) { return simple_norm(s, t, 0); }), {0.5, 1.5, 2.5, -1, 0, 1});
  expect_near(value({1, 1, 2, 4}, {1, 3, 10, 10, 5, 7, 20, 40}, {{"bias", 1}},
                    [](Scope s, Tensor t) { return group_norm(s, t, 2, 0); }),
              {1 - 3 / std::sqrt(5.0), 1 - 1 / std::sqrt(5.0), 1 - 10 / std::sqrt(150.0), 1 - 10 / std::sqrt(150.0),
               1 + 1 / std::sqrt(5.0), 1 + 3 / std::sqrt(5.0), 1, 1 + 20 / std::sqrt(150.0)});
}

TEST(Layers, GlobalResponseNorm) {  // channel sizes 5 and 1, their mean 3
  expect_near(value({1, 1, 2, 2}, {3, 0, 4, 1}, {{"weight", 3}, {"bias", 1}},
                    [](Scope s, Tensor t) { return global_response_norm(s, t, 0); }),
              {3 + 15 + 1, 1, 4 + 20 + 1, 1 + 1 + 1});
}

TEST(Layers, Prelu) {
  expect_near(value({1, 2}, {-2, 3}, {}, [](Scope s, Tensor t) { return prelu(s, t); }), {-0.5, 3});
}

// One weight of 2 in a box of 5 pixels, a quarter to the right of the middle or of the last one.
TEST(Layers, SpacedKernels) {
  auto row = [](Spread spread) {
    return [spread](Scope s, Tensor) {
      return spaced_kernel(s, {.out = 1, .in = 1, .count = 1, .box = Pair(1, 5), .axes = 1, .spread = spread});
    };
  };
  auto at = [](double p, double sigma, auto build) {
    Graph g;
    Tensor kernel = build(Scope(g), Tensor{});
    Values given;
    for (const Param& param : g.params()) given[param.node] = {param.name == "P" ? p : param.name == "SIG" ? sigma : 2};
    return interpret(g, given, {kernel.id}).at(kernel.id);
  };
  expect_near(at(0.25, 0, row(Spread::plain)), {0, 0, 1.5, 0.5, 0});
  expect_near(at(0.25, 0, row(Spread::bilinear)), {0, 0, 1.5, 0.5, 0});
  expect_near(at(2.25, 0, row(Spread::plain)), {0, 0, 0, 0, 1.5});
  expect_near(at(2.25, 0, row(Spread::bilinear)), {0, 0, 0, 0, 2});
  expect_near(at(0.25, -1, row(Spread::tent)), {0, 2 * 0.75 / 4, 2 * 1.75 / 4, 2 * 1.25 / 4, 2 * 0.25 / 4});
  std::vector<double> bell;
  double sum = 0;
  for (int i = 0; i < 5; i++) bell.push_back(std::exp(-0.5 * (i - 2.25) * (i - 2.25))), sum += bell.back();
  for (double& v : bell) v *= 2 / sum;
  expect_near(at(0.25, 0.73, row(Spread::gauss)), bell);
}

TEST(Layers, Edges) {
  auto padded = [](Tensor (*build)(Scope, Tensor)) { return value({1, 1, 4, 1}, {1, 2, 3, 4}, {}, build); };
  expect_near(padded([](Scope, Tensor t) { return pad_edges(t, Pad(0, 1, 0, 2), Edge::zeros); }), {0, 1, 2, 3, 4, 0, 0});
  expect_near(padded([](Scope, Tensor t) { return pad_edges(t, Pad(0, 2, 0, 1), Edge::reflect); }), {3, 2, 1, 2, 3, 4, 3});
  expect_near(padded([](Scope, Tensor t) { return pad_edges(t, Pad(1, 1, 0, 0), Edge::replicate); }),
              {1, 1, 2, 3, 4, 1, 1, 2, 3, 4});
  expect_near(padded([](Scope, Tensor t) { return pad_edges(t, Pad(0, 2, 0, 1), Edge::circular); }), {3, 4, 1, 2, 3, 4, 1});
  EXPECT_THROW(padded([](Scope, Tensor t) { return pad_edges(t, 4, Edge::reflect); }), Error);
}

TEST(Layers, DropRateGrowsToTheLast) {
  EXPECT_EQ(drop_rate(0.3f, 0, 4), 0);
  EXPECT_FLOAT_EQ(drop_rate(0.3f, 2, 4), 0.2f);
  EXPECT_FLOAT_EQ(drop_rate(0.3f, 3, 4), 0.3f);
  EXPECT_EQ(drop_rate(0.3f, 0, 1), 0);
}

TEST(Layers, StartingValues) {
  Shape conv{64, 3, 3, 32};
  EXPECT_FLOAT_EQ(fan_in_uniform(conv, 1).a, 1 / std::sqrt(288.0f));
  EXPECT_FLOAT_EQ(fan_in_normal(conv, 1).a, std::sqrt(2 / 288.0f));
  EXPECT_FLOAT_EQ(prelu_normal(conv, 1).a, std::sqrt(2 / (1 + 0.0625f) / 288.0f));
  EXPECT_FLOAT_EQ(lecun_normal({10, 64}, 1).a, 0.125f);
  EXPECT_FLOAT_EQ(xavier_normal({10, 64}, 1).a, std::sqrt(2 / 74.0f));
  EXPECT_FLOAT_EQ(fan_out_normal(conv, 1).a, std::sqrt(2 / 576.0f));
  EXPECT_FLOAT_EQ(group_fan_out_normal({64, 3, 3, 1}, 64).a, std::sqrt(2 / 9.0f));
  EXPECT_FLOAT_EQ(fan_out_uniform({10, 64}, 1).a, 1 / std::sqrt(10.0f));
  Graph g;
  linear(Scope(g)["a"], g.input("x", {{1, 4}}), 3);
  linear(Scope(g)["b"], g.input("x", {{1, 4}}), 3, {.init = truncated_normal});
  EXPECT_FLOAT_EQ(g.find_param("a.bias")->init.a, 0.5f);  // PyTorch's default: as the weights
  EXPECT_EQ(g.find_param("b.bias")->init.kind, Init::Kind::constant);
  EXPECT_EQ(g.find_param("b.bias")->init.a, 0);
}

TEST(Layers, MobileDepthIsSharedOutFromTheLastRow) {
  Graph g;
  MobileNet m{.stages = {{{.out = 8}}, {{.expand = 2, .out = 8}, {.repeat = 2, .expand = 4, .out = 8}}}, .depth = 1.4};
  mobile_net(Scope(g), g.input("x", {{1, 32, 32, 3}}), m, {.classes = 2});
  std::vector<int> wide;  // channels inside the blocks of stage 1
  for (int i = 0; const Param* p = g.find_param("blocks.1." + std::to_string(i) + ".conv_dw.weight"); i++)
    wide.push_back(p->type.shape[0]);
  EXPECT_EQ(wide, (std::vector<int>{16, 16, 32, 32, 32}));  // 3 rows become 5: 3 of the last, 2 left for the first
  EXPECT_TRUE(g.find_param("blocks.0.1.conv_dw.weight"));
}

TEST(Layers, PixelShuffle) {
  std::vector<double> x = {0, 1, 2, 3, 4, 5, 6, 7};  // two pixels of a 2x2 block each
  expect_near(value({1, 1, 2, 4}, x, {}, [](Scope, Tensor t) { return pixel_shuffle(t, 2); }), {0, 1, 4, 5, 2, 3, 6, 7});
}

// A spectrum that turns with the frequency moves the picture around its edge.
TEST(Layers, GlobalFilterIsACircularConvolution) {
  std::vector<double> x(30);
  for (size_t i = 0; i < x.size(); i++) x[i] = std::sin(static_cast<double>(i * i));
  auto moved = [](Scope s, Tensor t) {  // by one column of five
    Tensor angle = iota(s.graph(), {1, 3, 3, 1}, 2) * (2 * std::numbers::pi_v<float> / 5);
    Tensor parts[] = {cos(angle), -sin(angle)};
    return global_filter(t, broadcast_to(concat(parts, 3), {2, 3, 3, 2}));
  };
  expect_near(value({1, 3, 5, 2}, x, {}, moved), value({1, 3, 5, 2}, x, {}, [](Scope, Tensor t) { return roll(t, 2, 1); }));
}

}  // namespace
}  // namespace fovea
