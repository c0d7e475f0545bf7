#include "train/verify.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "io/fixture.h"
#include "io/gzip.h"
#include "models/fixtures.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "passes/grad.h"
#include "train/fixture_io.h"

namespace fovea {
namespace {

std::string zoo(const std::string& model) { return shared("fixtures/zoo/" + model + ".json"); }

// One small model of every family, each at its fixture's tolerance, on one thread and on two.
TEST(Verify, SmallModels) {
  FOVEA_NEEDS(zoo("test_resnet"));
  for (int threads : {1, 2}) {
    Pool pool(threads);
    for (const char* model : {"test_resnet", "resnet10t", "test_convnext2", "convnextv2_atto", "test_vit", "test_vit4",
                              "deit_tiny_distilled_patch16_224", "mobilenetv1_100", "mobilenetv2_050",
                              "mobilenetv3_small_050", "tf_mobilenetv3_small_minimal_100"}) {
      VerifyResult r = verify_fixture(zoo(model), pool);
      EXPECT_TRUE(r.passed) << model << ": " << r.message;
      EXPECT_EQ(r.model, model);
      EXPECT_GT(r.error, 0);
      EXPECT_LT(r.error, r.tolerance);
    }
  }
}

// Anything that differs is found.
TEST(Verify, FindsDifferences) {
  FOVEA_NEEDS(zoo("test_convnext2"));
  using Json = nlohmann::ordered_json;
  const Json original = Json::parse(read_maybe_gzip(zoo("test_convnext2")));
  std::string path = testing::TempDir() + "/fovea_changed_" + std::to_string(getpid()) + ".json";
  Pool pool(1);
  auto expect = [&](const char* message, auto change) {
    Json j = original;
    change(j);
    std::ofstream(path) << j;
    VerifyResult r = verify_fixture(path, pool);
    std::filesystem::remove(path);
    EXPECT_FALSE(r.passed) << message;
    EXPECT_NE(r.message.find(message), std::string::npos) << r.message;
  };
  auto nudge = [](Json& value, double by) { value = value.get<double>() + by; };
  double over = 1.5 * original["tol"].get<double>() * original["logits_absmax"].get<double>();
  expect("stem.0.weight", [](Json& j) { j["state"][0][0] = "stem.0.width"; });
  expect("need [33", [](Json& j) { j["state"][0][1] = 33; });
  expect("missing", [](Json& j) { j["state"].push_back({"extra.weight", 5}); });
  expect("parameters", [](Json& j) { j["params"] = j["params"].get<int>() + 1; });
  expect("output [0][0]", [&](Json& j) { nudge(j["logits"][0][0], over); });
  expect("output [1][31]", [&](Json& j) { nudge(j["logits"][1][31], -over); });
  expect("mean of row [1]", [&](Json& j) { nudge(j["logits_mean"][1], over); });
  expect("deviation of row [0]", [&](Json& j) { nudge(j["logits_std"][0], over); });
  expect("largest output of row 1", [](Json& j) { j["argmax"][1] = j["argmax"][1].get<int>() + 1; });
  expect("no model", [](Json& j) { j["model"] = "test_convnext9"; });
  expect("not the reference's", [](Json& j) { j["logits"].erase(0); });
  expect("nothing to compare", [](Json& j) { j["tol"] = nullptr; });
}

// Gradients and kernels that a fixture lists are compared number by number.
TEST(Verify, Gradients) {
  std::string original = shared("fixtures/papers/dcls2d_max.json");
  FOVEA_NEEDS(original);
  std::string path = testing::TempDir() + "/fovea_gradient_" + std::to_string(getpid()) + ".json";
  Pool pool(1);
  for (const char* name : {"grad_weight", "grad_P", "grad_SIG", "grad_bias", "dense_kernel"}) {
    auto j = nlohmann::ordered_json::parse(read_maybe_gzip(original));
    auto& value = j["extra"][name][3];
    value = value.get<double>() + 1e-3;
    std::ofstream(path) << j;
    VerifyResult r = verify_fixture(path, pool);
    EXPECT_FALSE(r.passed);
    EXPECT_NE(r.message.find(std::string(name) + " [0][3]"), std::string::npos) << r.message;
  }
  std::filesystem::remove(path);
}

// Every layer computes what the fixtures of that layer say, and every parameter learns.
TEST(Verify, Layers) {
  FOVEA_NEEDS(shared("fixtures/papers"));
  Pool pool(2);
  std::set<std::string> seen;
  for (const std::string& path : find_fixtures({shared("fixtures/papers")})) {
    Fixture f = read_fixture(path);
    const Model* layer = find_reference(f.model);
    if (!layer || layer->kind != ModelKind::layer) continue;
    SCOPED_TRACE(f.model);
    seen.insert(layer->name);
    VerifyResult r = verify_fixture(path, pool);
    EXPECT_TRUE(r.passed) << r.message;
    auto g = fixture_graph(f, *layer);
    std::vector<Tensor> params;
    for (const Param& p : g->params())
      if (p.trainable) params.push_back(g->at(p.node));
    std::vector<Tensor> d = grad(sum_all(square(g->output_tensor("logits"))), params);
    for (size_t i = 0; i < d.size(); i++) EXPECT_TRUE(d[i]) << g->param_of(params[i].id)->name;
  }
  seen.insert("dcls1d");  // tests/models/layers.cpp
  for (const Model& layer : all_layers()) EXPECT_TRUE(seen.count(layer.name)) << layer.name << " has no fixture";
}

TEST(Verify, Folders) {
  std::string dir = testing::TempDir() + "/fovea_fixtures_" + std::to_string(getpid());
  std::filesystem::create_directories(dir + "/sub");
  for (const char* name : {"b.json", "a.json.gz", "README.md", "sub/c.json"}) std::ofstream(dir + "/" + name) << "{}";
  EXPECT_EQ(find_fixtures({dir, "x.json"}),
            (std::vector<std::string>{dir + "/a.json.gz", dir + "/b.json", dir + "/sub/c.json", "x.json"}));
  Pool pool(1);
  EXPECT_FALSE(verify_fixture(dir + "/b.json", pool).passed);
  EXPECT_FALSE(verify_fixture(dir + "/none.json", pool).passed);
  std::filesystem::create_directory(dir + "/empty");
  EXPECT_THROW(find_fixtures({dir + "/empty"}), Error);
  std::filesystem::remove_all(dir);
}

// What a paper's fixture may hold beside names and logits.
TEST(Verify, InputsAndOutputs) {
  Fixture f{.input = {2, 3, 2, 2}, .input_name = "in0"};
  f.more_inputs = {{"in1", "0.5*hashfill 'b' + 0.25*in0 (float32)", {}}, {"t", "", {3, 5}}, {"bad", "exp(in0)", {}}};
  std::vector<float> x = fixture_input(f), y = fixture_input(f, "in1", {2, 2, 2, 3});
  EXPECT_EQ(x[1], static_cast<float>(hash_unit("input", 4)));  // the second channel of the first pixel
  EXPECT_EQ(y[1], static_cast<float>(0.5 * hash_unit("b", 4) + 0.25 * hash_unit("input", 4)));
  EXPECT_EQ(fixture_input(f, "t", {2}), (std::vector<float>{3, 5}));
  EXPECT_THROW(fixture_input(f, "t", {3}), Error);
  EXPECT_THROW(fixture_input(f, "u", {2}), Error);
  EXPECT_THROW(fixture_input(f, "bad", {2, 2, 2, 3}), Error);

  const std::vector<float> ours = {1, 2, 3, 4}, other = {5, 6};  // [1,1,2,2]: channels (1,3) and (2,4)
  FixtureRun run{.logits = {{1, 3, 2, 4}}, .mean = {2.5}, .std = {std::sqrt(1.25)}, .argmax = {3}, .margin = {}};
  run.outputs = {{{1, 2, 1, 2}, 2.5, std::sqrt(1.25), 4, 3, {1, 4}}, {{2}, 5.5, 0.5, 6, 1, {5, 6}}};
  run.scale = 4, run.tolerance = 1e-6;
  auto compare = [&](const FixtureRun& r) {
    FixtureError worst;
    compare_outputs(r, {{ours, {1, 1, 2, 2}}, {other, {2}}}, worst);
  };
  compare(run);
  auto expect_difference = [&](auto change) {
    FixtureRun changed = run;
    change(changed);
    EXPECT_THROW(compare(changed), Error);
  };
  expect_difference([](FixtureRun& r) { r.logits[0][1] = 2; });
  expect_difference([](FixtureRun& r) { r.outputs[0].values[1] = 3; });
  expect_difference([](FixtureRun& r) { r.outputs[1].values[1] = 6.1; });
  expect_difference([](FixtureRun& r) { r.outputs[1].mean = 5.4; });
  expect_difference([](FixtureRun& r) { r.outputs[1].shape = {3}; });
  expect_difference([](FixtureRun& r) { r.outputs.push_back(r.outputs[1]); });
}

}  // namespace
}  // namespace fovea
