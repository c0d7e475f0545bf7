// fovea train from the outside: a run folder, Ctrl-C, resumption.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/run.h"
#include "cli/samples.h"
#include "io/tensor_file.h"

namespace fovea::cli_test {
namespace {

using nlohmann::json;

class Training : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir = fresh_folder("training");
    make_pictures(dir, 24);
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(dir); }
  static std::vector<std::string> command(const std::string& folder, const std::string& epochs) {
    return {"train", "--model", "cnn_mnist", "--data",   "folder:" + dir,    "--batch-size", "8",   "--epochs",
            epochs,  "--lr",    "0.02",      "--output", dir + "/" + folder, "--format",     "json"};
  }
  // Weights, averages, optimizer slots: all that a run goes on with.
  static std::map<std::string, std::vector<float>> tensors(const std::string& folder) {
    std::map<std::string, std::vector<float>> out;
    auto file = TensorFile::open(dir + "/" + folder + "/checkpoints/last.safetensors");
    for (const TensorEntry& t : file->tensors()) {
      out[t.name].resize(static_cast<size_t>(t.count()));
      file->read(t, out[t.name].data());
    }
    return out;
  }
  static std::string dir;
};
std::string Training::dir;

TEST_F(Training, LeavesARunThatPredicts) {
  Result r = run(command("whole", "2"));
  ASSERT_EQ(r.code, 0) << r.err;
  json result = json::parse(r.out);
  EXPECT_EQ(result.at("count"), 48);
  EXPECT_GT(result.at("top1"), 90);  // bright and dark: nothing is easier
  for (const char* file :
       {"config.toml", "env.json", "metrics.csv", "log.jsonl", "report.html", "checkpoints/best.safetensors"})
    EXPECT_TRUE(std::filesystem::exists(dir + "/whole/" + file)) << file;
  Result v = run({"val", result.at("weights"), "--data", "folder:" + dir, "--format", "json"});
  EXPECT_EQ(json::parse(v.out).at("correct"), result.at("correct")) << v.err;
  Result p = run({"predict", result.at("weights"), dir + "/val/dark/3.png", "--json"});
  EXPECT_EQ(json::parse(p.out)[0].at("top")[0].at("class"), "dark");
}

// Stopped in the middle and resumed: the same weights as without the break.
TEST_F(Training, InterruptSavesAndResumeGoesOn) {
  Result whole = run(command("straight", "40"));
  ASSERT_EQ(whole.code, 0) << whole.err;
  Result stopped = run(command("broken", "40"), {.interrupt_at = "epoch 2/40"});
  ASSERT_EQ(stopped.code, 130) << stopped.err;
  EXPECT_NE(stopped.err.find("--resume"), std::string::npos) << stopped.err;
  Result resumed = run({"train", "--resume", dir + "/broken", "--format", "json"});
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_EQ(json::parse(resumed.out).at("steps"), json::parse(whole.out).at("steps"));
  EXPECT_TRUE(tensors("broken") == tensors("straight")) << "other bits after the break";
}

TEST_F(Training, BeginsWithTheEmbeddedNetwork) {
  Result r = run({"train", "--model", "resnet20_cifar", "--init", "fovea_cifar10", "--data", "folder:" + dir, "--epochs",
                  "1", "--batch-size", "8", "--output", dir + "/tuned", "--format", "json"});
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_NE(r.err.find("fovea_cifar10: 95 tensors; new classifier"), std::string::npos) << r.err;
}

TEST_F(Training, ResumeRefusesAnotherTraining) {
  ASSERT_EQ(run(command("short", "1")).code, 0);
  Result r = run({"train", "--resume", dir + "/short", "--model", "cnn_mnist_wide"});
  EXPECT_EQ(r.code, 2);
  EXPECT_NE(r.err.find("model"), std::string::npos) << r.err;
}

TEST_F(Training, DivergenceHasItsExitCode) {
  std::vector<std::string> args = command("wild", "3");
  args.insert(args.end(), {"--lr", "1000", "--warmup-epochs", "0", "--momentum", "0.99", "--weight-decay", "10"});
  Result r = run(args);
  EXPECT_EQ(r.code, 6) << r.err;
  EXPECT_NE(r.err.find("not finite"), std::string::npos) << r.err;
}

}  // namespace
}  // namespace fovea::cli_test
