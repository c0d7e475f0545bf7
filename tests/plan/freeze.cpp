// Freezing: the same logits to the bit, and nothing left to compute from parameters alone.
#include "run/freeze.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "ops/pointwise.h"
#include "passes/fold_norm.h"
#include "passes/inference.h"
#include "plan/families.h"

namespace fovea {
namespace {

TEST(Freeze, ModelsStayTheSame) {
  Pool pool(2);
  for (const Model* m : test::one_of_each_family()) {
    SCOPED_TRACE(m->name);
    std::unique_ptr<Graph> g = inference(*fold_norm(*build_model(*m, 1)));
    State state;
    state.add(*g, 3);
    std::vector<float> want = test::logits(*g, state, {.threads = 2}, pool);
    std::unique_ptr<Graph> frozen = freeze(*g, state, pool);
    EXPECT_EQ(test::logits(*frozen, state, {.threads = 2}, pool), want);
    EXPECT_EQ(state.arrays().size(), frozen->params().size());
    for (int i = 0; i < frozen->size(); i++) {
      const Node& n = frozen->node(i);
      bool fixed = !is_leaf(n) && n.op != &Full::op;
      for (int in : n.inputs) fixed = fixed && frozen->param_of(in);
      EXPECT_FALSE(fixed) << n.op->name;
    }
  }
}

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
