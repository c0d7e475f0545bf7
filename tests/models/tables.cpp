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

Shapes state_of(const Fixture& f) {
  Shapes r;
  for (const FixtureTensor& t : f.state)
    if (!t.name.ends_with("num_batches_tracked") && !f.structural.count(t.name)) r[t.name] = t.shape;
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
  std::map<std::string, int> covered;
  for (const Model& m : all_models()) {
    std::string path = shared("fixtures/zoo/" + m.name + ".json");
    if (!std::filesystem::exists(path)) continue;
    SCOPED_TRACE(m.name);
    Fixture f = read_fixture(path);
    int side = static_cast<int>(f.input[3]);
    auto g = build_model(m, 2, {.height = side, .width = side});
    EXPECT_EQ(state_of(*g), state_of(f));
    covered[m.family]++;
  }
  const std::pair<const char*, int> least[] = {{"resnet", 24},
                                               {"mobilenetv1", 2},
                                               {"mobilenetv2", 3},
                                               {"mobilenetv3", 5},
                                               {"convnext", 8},
                                               {"vit", 10},
                                               {"vit_towers", 6},
                                               {"inception_next", 2},
                                               {"mambaout", 4},
                                               {"fasternet", 2},
                                               {"metaformer", 4},
                                               {"swin", 2},
                                               {"mixer", 6},
                                               {"convmixer", 1},
                                               {"starnet", 2},
                                               {"shvit", 2},
                                               {"efficientvit_msra", 3},
                                               {"repvit", 3},
                                               {"levit", 4},
                                               {"efficientformer", 1},
                                               {"efficientformer_v2", 2},
                                               {"efficientvit_mit", 3},
                                               {"fastvit", 4},
                                               {"mobilevit", 4},
                                               {"edgenext", 3},
                                               {"xcit", 2},
                                               {"cait", 1},
                                               {"pvt_v2", 2},
                                               {"twins", 2},
                                               {"pit", 2},
                                               {"swinv2", 2},
                                               {"swinv2_cr", 2},
                                               {"swiftformer", 2},
                                               {"tiny_vit", 1},
                                               {"focalnet", 2},
                                               {"davit", 2},
                                               {"vit_relpos", 4},
                                               {"beit", 1},
                                               {"efficientnet", 16},
                                               {"efficientnetv2", 6},
                                               {"mixnet", 3},
                                               {"mnasnet", 4},
                                               {"fbnet", 2},
                                               {"lcnet", 2},
                                               {"hardcorenas", 2},
                                               {"mobilenet_edgetpu", 2},
                                               {"mobilenetv4", 6},
                                               {"mobilenetv5", 1},
                                               {"rexnet", 2},
                                               {"ghostnet", 5},
                                               {"byobnet", 20},
                                               {"regnet", 7},
                                               {"vgg", 3},
                                               {"densenet", 2},
                                               {"hrnet", 3},
                                               {"inception", 3},
                                               {"dla", 6},
                                               {"vovnet", 4},
                                               {"xception", 3},
                                               {"cspnet", 12},
                                               {"nfnet", 7},
                                               {"res2net", 3},
                                               {"resnest", 2},
                                               {"sknet", 2}};
  for (auto& [family, count] : least) EXPECT_GE(covered[family], count) << family;
}

}  // namespace
}  // namespace fovea
