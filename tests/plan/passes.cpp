// Every pass on a model of every family: it keeps the outputs within its tolerance, and every parameter.
#include "passes/pass.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "passes/inference.h"
#include "plan/families.h"

namespace fovea {
namespace {

TEST(Passes, KeepOutputsWithinTheirTolerance) {
  for (const Model* m : test::one_of_each_family()) {
    auto g = build_model(*m, 2, {.classes = 10});
    std::vector<float> want = test::logits(*inference(*g), {.threads = 2});
    double largest = 0;
    for (float v : want) largest = std::max(largest, std::fabs(static_cast<double>(v)));
    ASSERT_GT(largest, 0) << m->name;
    for (const Pass* pass : all_passes()) {
      if (pass->tolerance < 0) continue;
      std::vector<float> got = test::logits(*inference(*pass->apply(*g)), {.threads = 2});
      ASSERT_EQ(got.size(), want.size());
      for (size_t i = 0; i < want.size(); i++)
        EXPECT_NEAR(got[i], want[i], pass->tolerance * largest) << pass->name << " on " << m->name;
    }
  }
}

std::map<std::string, int> operators(const Graph& g) {
  std::map<std::string, int> r;
  for (int i = 0; i < g.size(); i++) r[g.node(i).op->name]++;
  return r;
}

TEST(Passes, ChangeSomething) {  // of one family at least: a pass that never fires keeps every tolerance
  for (const Pass* pass : all_passes()) {
    std::vector<const Model*> models = test::one_of_each_family();
    EXPECT_TRUE(std::any_of(models.begin(), models.end(), [&](const Model* m) {
      auto g = build_model(*m, 1);
      return operators(*pass->apply(*g)) != operators(*g);
    })) << pass->name;
  }
}

TEST(Passes, KeepEveryParameter) {
  for (const Model* m : test::one_of_each_family()) {
    auto g = build_model(*m, 1);
    for (const Pass* pass : all_passes())
      EXPECT_EQ(pass->apply(*g)->params().size(), g->params().size()) << pass->name << " on " << m->name;
  }
}

}  // namespace
}  // namespace fovea
