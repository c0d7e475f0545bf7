// fovea export: a file that is whole or not there, and what it says of itself.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "cli/run.h"
#include "cli/samples.h"

namespace fovea::cli_test {
namespace {

class Export : public testing::Test {
 protected:
  void SetUp() override { dir = fresh_folder("export"); }
  void TearDown() override { std::filesystem::remove_all(dir); }
  std::string dir;
};

TEST_F(Export, RandomWeights) {
  const std::string file = dir + "/net.onnx";
  Result r = run({"export", "resnet20_cifar", "--batch", "3", "--image-size", "48", "-o", file, "--json"});
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_NE(r.err.find("random"), std::string::npos) << r.err;
  nlohmann::json j = nlohmann::json::parse(r.out);
  EXPECT_EQ(j.at("input"), "[3, 3, 48, 48]");
  std::string bytes = read_file(file);
  EXPECT_EQ(j.at("bytes"), bytes.size());
  EXPECT_GT(bytes.size(), 270000u * 4);  // its parameters
  for (const char* word : {"image", "logits", "GlobalAveragePool", "layer3.2.conv2.weight", "layer3.2.conv2/Conv"})
    EXPECT_NE(bytes.find(word), std::string::npos) << word;
  for (const char* word : {"BatchNorm", "running_var"}) EXPECT_EQ(bytes.find(word), std::string::npos) << word;
  EXPECT_EQ(run({"export", "resnet20_cifar", "--batch", "3", "--image-size", "48", "-o", file}).code, 0);
  EXPECT_EQ(read_file(file), bytes);  // the same again
}

TEST_F(Export, Parts) {
  const std::string file = dir + "/part.onnx";
  Result maps = run({"export", "resnet20_cifar", "--features", "-o", file, "--json"});
  ASSERT_EQ(maps.code, 0) << maps.err;
  EXPECT_EQ(nlohmann::json::parse(maps.out).at("outputs"),
            "layer1 [1, 16, 32, 32], layer2 [1, 32, 16, 16], layer3 [1, 64, 8, 8]");
  std::string bytes = read_file(file);
  EXPECT_NE(bytes.find("layer3.2.conv2.weight"), std::string::npos);
  for (const char* gone : {"logits", "GlobalAveragePool", "linear.weight", "Transpose"})
    EXPECT_EQ(bytes.find(gone), std::string::npos) << gone;
  Result pooled = run({"export", "resnet20_cifar", "--no-head", "-o", file, "--json"});
  ASSERT_EQ(pooled.code, 0) << pooled.err;
  EXPECT_EQ(nlohmann::json::parse(pooled.out).at("outputs"), "pooled [1, 64]");
  EXPECT_EQ(run({"export", "resnet20_cifar", "--no-head", "--features", "-o", file}).code, 2);
}

TEST_F(Export, WeightFile) {
  make_network(dir + "/net.safetensors");
  Result r = run({"export", dir + "/net.safetensors", "-o", dir + "/net.onnx", "--threads", "1"});
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.err, "");
  std::string bytes = read_file(dir + "/net.onnx");
  EXPECT_NE(bytes.find("bright"), std::string::npos);  // the class names go along
  EXPECT_EQ(run({"export", dir + "/net.safetensors", "-o", dir + "/two.onnx", "--threads", "2"}).code, 0);
  EXPECT_EQ(read_file(dir + "/two.onnx"), bytes);
}

TEST_F(Export, NothingIsWrittenInError) {
  write_file(dir + "/kept.onnx", "before");
  Result none = run({"export", "resnet18"}), gone = run({"export", "resnet18", "-o", dir + "/no/x.onnx"}),
         bad = run({"export", "resnet18", "--weights", dir + "/kept.onnx", "-o", dir + "/kept.onnx"});
  EXPECT_EQ(none.code, 2);
  EXPECT_NE(none.err.find("--output"), std::string::npos) << none.err;
  EXPECT_EQ(gone.code, 2) << gone.err;
  EXPECT_EQ(bad.code, 3) << bad.err;
  EXPECT_EQ(read_file(dir + "/kept.onnx"), "before");
  make_network(dir + "/net.safetensors");
  std::string weights = read_file(dir + "/net.safetensors");
  EXPECT_EQ(run({"export", dir + "/net.safetensors", "-o", dir + "/./net.safetensors"}).code, 2);
  EXPECT_EQ(read_file(dir + "/net.safetensors"), weights);
  std::vector<std::string> args = {"export", "resnet152", "-o", dir + "/kept.onnx", "--mem-limit", "100M"};
  EXPECT_EQ(run(args).code, 5);
  args[1] = "vit_gigantic_patch14_224";  // more than a protocol buffer holds
  EXPECT_EQ(run(args).code, 4);
  EXPECT_EQ(read_file(dir + "/kept.onnx"), "before");
}

}  // namespace
}  // namespace fovea::cli_test
