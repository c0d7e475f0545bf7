// Every pass on a model of every family: it keeps every parameter, and changes something of one at least.
#include "passes/pass.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "plan/families.h"

namespace fovea {
namespace {

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
