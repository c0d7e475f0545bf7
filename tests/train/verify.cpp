#include "train/verify.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "io/gzip.h"
#include "models/fixtures.h"

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

}  // namespace
}  // namespace fovea
