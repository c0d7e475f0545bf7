// Every registered model that a fixture names has exactly the fixture's parameters: names and shapes.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "fixtures.h"
#include "io/fixture.h"
#include "models/registry.h"

namespace fovea {
namespace {

using Shapes = std::map<std::string, std::vector<int64_t>>;

// Of several names for one tensor those that g knows.
Shapes state_of(const Fixture& f, const Graph& g) {
  Shapes r;
  for (const FixtureTensor& t : f.state)
    if (!t.name.ends_with("num_batches_tracked") && !f.structural.count(t.name)) r[t.name] = t.shape;
  auto known = [&](const std::string& name) { return g.find_param(name) != nullptr; };
  for (const auto& group : f.shared)
    if (std::ranges::any_of(group, known))
      for (const std::string& name : group)
        if (!known(name)) r.erase(name);
  return r;
}
Shapes state_of(const Graph& g) {
  Shapes r;
  for (const Param& p : g.params()) {
    Shape s = p.file_shape();
    r[p.name] = {s.begin(), s.end()};
  }
  return r;
}

TEST(Models, TablesOfFixtures) {
  FOVEA_NEEDS(shared("fixtures/zoo"));
  int covered = 0;
  for (const Model& m : all_models()) {
    std::string path = shared("fixtures/zoo/" + m.name + ".json");
    if (!std::filesystem::exists(path)) continue;
    SCOPED_TRACE(m.name);
    Fixture f = read_fixture(path);
    int side = static_cast<int>(f.input[3]);
    auto g = build_model(m, 2, {.height = side, .width = side});
    EXPECT_EQ(state_of(*g), state_of(f, *g));
    covered++;
  }
  EXPECT_GE(covered, 264);
}

}  // namespace
}  // namespace fovea
