// Branches merged: the same values in double, fewer convolutions; and what must stay as it is.
#include "passes/merge_branches.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/random.h"
#include "ir/rewrite.h"
#include "ops/conv2d.h"
#include "ops/pointwise.h"
#include "run/interpret.h"

namespace fovea {
namespace {

using Build = std::function<Tensor(Graph&, Tensor x)>;

Tensor weight(Graph& g, const char* name, const Shape& shape) {
  return g.param({.name = name, .init = fill(1), .type = {shape}});
}

std::vector<double> run(Graph& g) {
  Values given;
  auto fill_in = [&](const std::string& name, int id) {
    Random random(3, fnv1a(name));
    std::vector<double>& v = given[id];
    v.resize(static_cast<size_t>(g.node(id).type.shape.numel()));
    for (double& e : v) e = static_cast<double>(random.uniform(-1, 1));
  };
  for (auto& [name, id] : g.inputs()) fill_in(name, id);
  for (const Param& p : g.params()) fill_in(p.name, p.node);
  const int y = g.output_tensor("y").id;
  return interpret(g, given, {y})[y];
}

int convolutions(const Graph& g) {
  int count = 0;
  std::vector<char> needed = reachable(g);
  for (int id = 0; id < g.size(); id++) count += needed[static_cast<size_t>(id)] && g.node(id).op == &Conv2d::op;
  return count;
}

void expect_convolutions(int count, const Shape& x, const Build& build) {
  Graph g;
  g.output("y", build(g, g.input("x", {x})));
  std::unique_ptr<Graph> merged = merge_branches(g);
  EXPECT_EQ(convolutions(*merged), count);
  const std::vector<double> want = run(g), got = run(*merged);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); i++) ASSERT_NEAR(got[i], want[i], 1e-12 * (1 + std::fabs(want[i]))) << i;
}

TEST(MergeBranches, WindowsIdentitiesAndFactors) {
  expect_convolutions(1, {2, 7, 6, 4}, [](Graph& g, Tensor x) {
    Tensor a = conv2d(x, weight(g, "a", {4, 3, 3, 4}), {.pad = 1}) * weight(g, "s", {4}) + weight(g, "b", {4});
    Tensor b = conv2d(x, weight(g, "w", {4, 1, 1, 4}));
    return (a - (b + x * weight(g, "t", {4})) * 0.5f) * weight(g, "u", {4}) - weight(g, "v", {4});
  });
}

TEST(MergeBranches, StridesGroupsAndPadding) {
  for (int groups : {2, 4})
    expect_convolutions(1, {1, 9, 8, 4}, [&](Graph& g, Tensor x) {
      Tensor a = conv2d(x, weight(g, "a", {4, 3, 3, 4 / groups}), {.pad = 1, .groups = groups});
      return a + (conv2d(x, weight(g, "b", {4, 1, 1, 4 / groups}), {.groups = groups}) + x);
    });
  expect_convolutions(1, {1, 9, 8, 4}, [](Graph& g, Tensor x) {
    Tensor a = conv2d(x, weight(g, "a", {6, 5, 3, 4}), {.stride = 2, .pad = {2, 0, 2, 1}});
    return a + conv2d(x, weight(g, "b", {6, 3, 2, 4}), {.stride = 2, .pad = {1, 0, 1, 0}});
  });
}

TEST(MergeBranches, DilatedWindows) {
  expect_convolutions(1, {1, 12, 11, 3}, [](Graph& g, Tensor x) {  // all within the largest window
    Tensor a = conv2d(x, weight(g, "a", {3, 7, 7, 1}), {.pad = 3, .groups = 3});
    Tensor b = conv2d(x, weight(g, "b", {3, 3, 3, 1}), {.pad = 3, .dilation = 3, .groups = 3});
    return a + b + conv2d(x, weight(g, "c", {3, 3, 3, 1}), {.pad = 2, .dilation = 2, .groups = 3});
  });
  expect_convolutions(1, {1, 12, 11, 3}, [](Graph& g, Tensor x) {  // one dilation for all
    Tensor a = conv2d(x, weight(g, "a", {3, 3, 3, 1}), {.pad = 2, .dilation = 2, .groups = 3});
    return a + conv2d(x, weight(g, "b", {3, 1, 1, 1}), {.groups = 3});
  });
}

TEST(MergeBranches, StayWhereMergingIsWrongOrCostsMore) {
  expect_convolutions(2, {1, 8, 8, 4}, [](Graph& g, Tensor x) {  // two sources
    Tensor y = relu(conv2d(x, weight(g, "a", {4, 3, 3, 4}), {.pad = 1}));
    return x + conv2d(y, weight(g, "b", {4, 3, 3, 4}), {.pad = 1});
  });
  expect_convolutions(2, {1, 8, 8, 4}, [](Graph& g, Tensor x) {  // another reader
    Tensor y = conv2d(x, weight(g, "a", {4, 3, 3, 4}), {.pad = 1});
    return (y + conv2d(x, weight(g, "b", {4, 1, 1, 4}))) * relu(y);
  });
  expect_convolutions(2, {1, 8, 8, 4}, [](Graph& g, Tensor x) {  // a column and a row: nine taps for six
    Tensor y = conv2d(x, weight(g, "a", {4, 3, 1, 4}), {.pad = {1, 0, 1, 0}});
    return y + conv2d(x, weight(g, "b", {4, 1, 3, 4}), {.pad = {0, 1, 0, 1}});
  });
  expect_convolutions(2, {1, 8, 8, 4}, [](Graph& g, Tensor x) {  // groups that differ
    Tensor y = conv2d(x, weight(g, "a", {4, 3, 3, 2}), {.pad = 1, .groups = 2});
    return y + conv2d(x, weight(g, "b", {4, 3, 3, 4}), {.pad = 1});
  });
  expect_convolutions(1, {1, 8, 8, 4}, [](Graph& g, Tensor x) {  // a sum of parameters, of four dimensions
    return conv2d(x, weight(g, "a", {1, 1, 1, 4}) + weight(g, "b", {1, 1, 1, 4}));
  });
  expect_convolutions(2, {1, 8, 8, 4}, [](Graph& g, Tensor x) {  // a factor for each pixel
    Tensor y = conv2d(x, weight(g, "a", {4, 3, 3, 4}), {.pad = 1}) * weight(g, "m", {8, 8, 4});
    return y + conv2d(x, weight(g, "b", {4, 3, 3, 4}), {.pad = 1});
  });
}

}  // namespace
}  // namespace fovea
