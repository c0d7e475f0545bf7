#include "io/fixture.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/error.h"

namespace fovea {
namespace {

// The test vectors of the rule's description.
TEST(Hashfill, Vectors) {
  EXPECT_EQ(hash_unit("input", 0), -0.80436336994171143);
  EXPECT_EQ(hash_unit("conv1.weight", 1), -0.85037052631378174);
  EXPECT_EQ(hash_unit("fc.bias", 999), 0.42061841487884521);
  const int64_t conv[] = {64, 3, 7, 7}, bn[] = {64}, norm[] = {192}, fc[] = {1000};
  EXPECT_EQ(hashfill("conv1.weight", conv)[1], -0.121481501f);
  EXPECT_EQ(hashfill("bn1.running_var", bn)[0], 1.07115376f);
  EXPECT_EQ(hashfill("blocks.0.norm1.weight", norm)[5], 0.963007331f);
  EXPECT_EQ(hashfill("fc.bias", fc)[999], 0.042061843f);
}

TEST(Hashfill, Kinds) {
  const int64_t two[] = {2, 3}, one[] = {4};
  double u = hash_unit("a.weight", 3);
  EXPECT_EQ(hashfill("a.weight", two).size(), 6u);
  EXPECT_EQ(hashfill("a.weight", two)[3], static_cast<float>(u));  // fan-in 3
  EXPECT_EQ(hashfill("a.weight", two, 1.5)[3], static_cast<float>(1.5 * u));
  EXPECT_EQ(hashfill("a.weight", one, 1.5)[3], static_cast<float>(1 + 0.1 * u));  // gain is for matrices
  EXPECT_EQ(hashfill("a.num_batches_tracked", {}), std::vector<float>{0});
  EXPECT_EQ(hashfill("a.running_mean", one)[0], static_cast<float>(0.1 * hash_unit("a.running_mean", 0)));
  std::vector<std::pair<std::string, std::string>> exceptions = {{"weight", "4*u"}, {"a.weight", "u"}};
  EXPECT_EQ(hashfill("a.weight", two, 1, exceptions)[3], static_cast<float>(4 * u));  // the first that fits
}

TEST(Hashfill, Formulas) {
  EXPECT_DOUBLE_EQ(evaluate_formula("u", 0.25), 0.25);
  EXPECT_DOUBLE_EQ(evaluate_formula("1+0.05*u", 0.5), 1.025);
  EXPECT_DOUBLE_EQ(evaluate_formula("-4+u", 0.5), -3.5);
  EXPECT_DOUBLE_EQ(evaluate_formula("abs(u)/8", -0.5), 0.0625);
  EXPECT_DOUBLE_EQ(evaluate_formula("log(1+7*(u+1)/2)", 0.5), std::log(6.25));
  EXPECT_DOUBLE_EQ(evaluate_formula("1-u-2", 0.5), -1.5);
  for (const char* bad : {"", "v", "1+", "(u", "u)", "2u", "exp(u)", "1e5"})
    EXPECT_THROW(evaluate_formula(bad, 0), Error) << bad;
  EXPECT_THROW(evaluate_formula(std::string(100000, '('), 0), Error);
  EXPECT_THROW(evaluate_formula(std::string(100000, '-') + "u", 0), Error);
}

class FixtureFile : public testing::Test {
 protected:
  void SetUp() override { path_ = testing::TempDir() + "/fovea_fixture_" + std::to_string(getpid()) + ".json"; }
  void TearDown() override { std::filesystem::remove(path_); }
  Fixture read(const std::string& text) {
    std::ofstream(path_) << text;
    return read_fixture(path_);
  }
  void refuse(const std::string& text, const std::string& reason) {
    try {
      read(text);
      ADD_FAILURE() << "read: " << text;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::bad_file);
      std::string what = e.what();
      EXPECT_NE(what.find("fovea_fixture_"), what.npos) << what;
      EXPECT_NE(what.find(reason), what.npos) << what;
      EXPECT_LE(what.size(), 300u);
    }
  }
  std::string path_;
};

const char* const kResults =
    R"("logits":[[1,-2],[3,4]],"argmax":[0,1],"state":[["w",2,3],["s"]],"params":7,"hashfill":1,"model":"m")";
const char* const kZoo =
    R"(,"input_size":8,"logits_mean":[0.5,1],"logits_std":[1,2],"argmax_margin":[0,0.1],"logits_absmax":4,"tol":1e-5,"shared":[["a","b"]],"structural":["s"])";

TEST_F(FixtureFile, Zoo) {
  Fixture f = read(std::string("{") + kResults + kZoo + "}");
  EXPECT_EQ(f.model, "m");
  EXPECT_EQ(f.input, (std::vector<int64_t>{2, 3, 8, 8}));
  EXPECT_EQ(f.params, 7);
  ASSERT_EQ(f.state.size(), 2u);
  EXPECT_EQ(f.state[0].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_TRUE(f.state[1].shape.empty());
  EXPECT_TRUE(f.structural.count("s"));
  EXPECT_EQ(f.shared[0][1], "b");
  ASSERT_EQ(f.runs.size(), 1u);
  EXPECT_EQ(f.runs[0].logits[1][0], 3);
  EXPECT_EQ(f.runs[0].scale, 4);
  EXPECT_EQ(f.runs[0].tolerance, 1e-5);
}

TEST_F(FixtureFile, GainRunAndUnstable) {
  std::string zoo = kZoo;
  zoo.replace(zoo.find("1e-5"), 4, "null");
  Fixture f = read(std::string("{") + kResults + zoo +
                   R"(,"gain_run":{"gain":1.5,"logits":[[1],[2]],"logits_mean":[0,0],"logits_std":[1,1],"argmax":[0,0],)"
                   R"("argmax_margin":[0,0],"logits_absmax":2,"tol":2e-5}})");
  ASSERT_EQ(f.runs.size(), 2u);
  EXPECT_LT(f.runs[0].tolerance, 0);
  EXPECT_EQ(f.runs[1].gain, 1.5);
  EXPECT_EQ(f.runs[1].tolerance, 2e-5);
}

TEST_F(FixtureFile, Paper) {
  Fixture f =
      read(std::string("{") + kResults +
           R"(,"input_shape":[2,3,8,8],"f32_err":1e-6,"logits_mean":0.5,"logits_std":2,"fill_exceptions":{"w":"2*u"},)"
           R"("structural":[["s",2]],"config":{"act":null},"extra":{"grad_w":[[1,2],[3,4]],"said":"so"}})");
  EXPECT_EQ(f.runs[0].mean, std::vector<double>{0.5});
  EXPECT_EQ(f.runs[0].scale, 4);
  EXPECT_DOUBLE_EQ(f.runs[0].tolerance, 3e-5);
  EXPECT_EQ(f.exceptions[0].second, "2*u");
  EXPECT_TRUE(f.structural.count("s"));
  EXPECT_EQ(f.settings.text("act", "gelu"), "");
  EXPECT_EQ(f.extra, (std::map<std::string, std::vector<double>>{{"grad_w", {1, 2, 3, 4}}}));
}

TEST_F(FixtureFile, Damaged) {
  refuse("", "parse error");
  refuse("[1,2]", "model");
  refuse("{\"model\":3}", "type must be string");
  refuse(std::string("{") + kResults + "}", "input_size");
  refuse(std::string("{") + kResults + R"(,"input_size":"x"})", "type must be number");
  std::string huge = kResults;
  huge.replace(huge.find("2,3]"), 4, "4000000000,4000000000,4000000000]");
  refuse("{" + huge + kZoo + "}", "out of range");
  huge = kResults;
  huge.replace(huge.find("\"hashfill\":1"), 12, "\"hashfill\":2");
  refuse("{" + huge + kZoo + "}", "hashfill");
  refuse(std::string(100000, '['), "parse error");
  EXPECT_THROW(read_fixture("/nonexistent/x.json"), Error);
}

}  // namespace
}  // namespace fovea
