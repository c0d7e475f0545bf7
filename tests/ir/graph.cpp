#include "ir/graph.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "ir/rewrite.h"
#include "ir/scope.h"
#include "ops/conv2d.h"
#include "ops/layout.h"
#include "ops/pointwise.h"
#include "ops/reshape.h"

namespace fovea {
namespace {

TEST(Graph, SharesEqualNodes) {
  Graph g;
  Tensor x = g.input("x", {{2, 3}});
  EXPECT_EQ(relu(x + 1.0f).id, relu(x + 1.0f).id);
  EXPECT_NE((x + 1.0f).id, (x + 2.0f).id);
  EXPECT_NE(slice(x, 1, 0, 2).id, slice(x, 1, 1, 2).id);
  EXPECT_EQ(reshape(reshape(x, {6}), {3, 2}).id, reshape(x, {3, 2}).id) << "a chain of reshapes is one";
  EXPECT_EQ(reshape(x, {2, 3}).id, x.id);
}

TEST(Graph, ErrorsNameOperatorScopeAndShapes) {
  Graph g;
  Scope s(g);
  Tensor x = g.input("image", {{1, 8, 8, 3}}), w = s["stages"][0]["conv"].param("weight", {16, 3, 3, 4}, fill(0));
  try {
    conv2d(x, w);
    FAIL() << "a convolution of 3 channels with weights for 4 must fail";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::usage);
    std::string what = e.what();
    for (const char* part : {"conv2d", "stages.0.conv", "[1, 8, 8, 3]", "[16, 3, 3, 4]"})
      EXPECT_NE(what.find(part), std::string::npos) << what;
  }
}

TEST(Graph, ParametersAreByPathAndUnique) {
  Graph g;
  Scope s(g);
  Tensor w = s["layer1"][0].param("weight", {4, 3, 3, 2}, fill(1), {0, 3, 1, 2});
  EXPECT_EQ(g.find_param("layer1.0.weight")->node, w.id);
  EXPECT_EQ(g.find_param("layer1.0.weight")->file_shape(), (Shape{4, 2, 3, 3}));
  EXPECT_THROW(s["layer1"][0].param("weight", {1}, fill(0)), Error);
  EXPECT_EQ(s.shared()["layer1"][0].param("weight", {4, 3, 3, 2}, fill(1), {0, 3, 1, 2}).id, w.id);
  EXPECT_THROW(s.shared()["layer1"][0].param("weight", {1}, fill(0)), Error);
  EXPECT_NE(s.shared()["layer2"].buffer("mean", {4}, fill(0)).id, w.id);
}

TEST(Graph, NamesStandOnceInATable) {
  Graph g;
  Tensor w = g.param({.name = "w", .init = fill(1), .type = {{4}}});
  g.output("y", w);
  EXPECT_THROW(g.output("y", w + 1.0f), Error);
  g.update("w", w + 1.0f);
  EXPECT_THROW(g.update("w", w + 2.0f), Error);
  EXPECT_THROW(g.update("v", w), Error) << "no such parameter";
}

TEST(Graph, ANodeOfAnotherGraphIsAnError) {
  Graph g, other;
  Tensor x = g.input("x", {{4}}), foreign = other.input("x", {{4}});
  ASSERT_EQ(x.id, foreign.id);
  relu(x);  // so that the foreign node's relu would be found by its id
  EXPECT_THROW(g.add(&Unary::op, Attr(Unary{UnaryKind::relu}), std::span(&foreign, 1)), Error);
}

TEST(Graph, NodesKnowTheirScope) {
  Graph g;
  Scope s(g);
  Tensor y = relu(conv2d(g.input("x", {{1, 4, 4, 2}}), s["stem"]["conv"].param("weight", {3, 3, 3, 2}, fill(0))));
  EXPECT_EQ(g.scope_name(g.node(y.id).scope), "stem.conv");
}

// A derivative compares with the shape of its operand while it records.
TEST(Graph, AShapeMayBeHeldWhileOperatorsAreRecorded) {
  Graph g;
  Tensor x = g.input("x", {{2, 3}}), y = x;
  const Shape& shape = x.shape();
  for (int i = 0; i < 10000; i++) y = y + static_cast<float>(i + 1);
  EXPECT_EQ(&shape, &x.shape());
}

TEST(Rewrite, KeepsWhatIsReachableAndCarriesTheTables) {
  Graph g;
  Tensor x = g.input("x", {{4}}), dead = x * 3.0f, y = relu(x) + 1.0f;
  (void)dead;
  g.output("y", y);
  g.tap("relu", relu(x));
  auto same = rewrite(g, [](Rewriter&, int, const Node&, std::span<const Tensor>) { return Tensor{}; });
  EXPECT_LT(same->size(), g.size());
  EXPECT_EQ(same->outputs().size(), 1u);
  EXPECT_EQ(same->taps().size(), 1u);
  auto changed = rewrite(
      g, [](Rewriter&, int, const Node& n, std::span<const Tensor> in) { return n.op == &Unary::op ? in[0] : Tensor{}; });
  EXPECT_LT(changed->size(), same->size()) << "relu is gone";
}

TEST(Dims, OverflowIsAnError) {
  Shape s{2147483647, 2147483647, 4};
  EXPECT_THROW(s.numel(), Error);
}

}  // namespace
}  // namespace fovea
