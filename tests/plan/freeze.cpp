// Freezing, beside what families.cpp says of whole models.
#include "run/freeze.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "ops/pointwise.h"
#include "passes/fold_norm.h"
#include "passes/inference.h"
#include "plan/families.h"

namespace fovea {
namespace {

TEST(Freeze, NamesTellWhereValuesCameFrom) {
  Graph g;
  Tensor x = g.input("image", {{2, 3}});
  Tensor w = g.param({.name = "w", .init = fill(2), .type = {{3}}}),
         b = g.param({.name = "b", .init = fill(1), .type = {{3}}});
  g.output("logits", (x * w + (w + b)) * (b * 3.0f));  // w is read as it is, b no more
  Pool pool(1);
  State state;
  state.add(g, 0);
  std::unique_ptr<Graph> frozen = freeze(g, state, pool);
  ASSERT_EQ(state.arrays().size(), 3u);
  EXPECT_EQ(state.at("w").data()[0], 2);
  EXPECT_EQ(state.at("w_folded").data()[0], 3);
  EXPECT_EQ(state.at("b").data()[0], 3);
}

}  // namespace
}  // namespace fovea
