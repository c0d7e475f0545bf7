// Real checkpoints on real data: the reference's number of correct pictures, to the picture.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/run.h"

namespace fovea::cli_test {
namespace {

using nlohmann::json;

#define FOVEA_NEED_DATA(name)             \
  const std::string name = shared_data(); \
  if (name.empty()) GTEST_SKIP() << "needs the shared data (FOVEA_SHARED)"

json val(const std::vector<std::string>& args) {
  Result r = run(args);
  EXPECT_EQ(r.code, 0) << r.err;
  return json::parse(r.out, nullptr, false);
}

TEST(Reference, CifarResNets) {
  FOVEA_NEED_DATA(data);
  struct Row {
    const char *model, *file;
    int correct;  // of 1,017: 91.64, 92.83, 93.41, 92.72 %
  };
  const Row rows[] = {{"resnet20", "resnet20-12fca82f.th", 932},
                      {"resnet32", "resnet32-d509ac18.th", 944},
                      {"resnet44", "resnet44-014dd654.th", 950},
                      {"resnet56", "resnet56-4bfd9763.th", 943}};
  for (const Row& row : rows)
    for (std::string file : {std::string(row.file), std::string(row.model) + "-cifar10.safetensors"}) {
      SCOPED_TRACE(file);
      json v = val({"val", std::string(row.model) + "_cifar", "--weights", data + "/checkpoints/" + file, "--data",
                    "cifar10:" + data + "/cifar10-raw", "--json"});
      EXPECT_EQ(v.at("count"), 1017);
      EXPECT_EQ(v.at("correct"), row.correct);
    }
}

TEST(Reference, MobileNets) {
  FOVEA_NEED_DATA(data);
  struct Row {
    const char *model, *file;
    int correct, correct5;  // of 200: 55.5 / 77.5 and 27.0 / 54.0 %
  };
  const Row rows[] = {{"tf_mobilenetv1_025", "mobilenet_v1_0.25_128", 111, 155},
                      {"tf_mobilenetv1_025_96", "mobilenet_v1_0.25_96", 54, 108}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.model);
    json v = val({"val", row.model, "--weights", data + "/checkpoints/" + row.file + ".safetensors", "--data",
                  "csv:" + data + "/imagenet-samples/labels.csv", "--json"});
    EXPECT_EQ(v.at("count"), 200);
    EXPECT_EQ(v.at("correct"), row.correct);
    EXPECT_EQ(v.at("correct5"), row.correct5);
  }
}

// Picture by picture: the reference's class and its probability.
TEST(Reference, PredictionsOfEveryPicture) {
  FOVEA_NEED_DATA(data);
  Result r = run({"predict", "tf_mobilenetv1_025", "--weights", data + "/checkpoints/mobilenet_v1_0.25_128.safetensors",
                  data + "/imagenet-samples", "--json"});
  ASSERT_EQ(r.code, 0) << r.err;
  std::map<std::string, json> by_file;
  for (const json& p : json::parse(r.out)) {
    std::string file = p.at("file");
    by_file[file.substr(file.rfind('/') + 1)] = p.at("top")[0];
  }
  std::ifstream csv(data + "/imagenet-samples/predictions_mobilenet_v1_0.25_128.csv");
  std::string line;
  std::getline(csv, line);  // file,class,predicted,probability,second
  int count = 0;
  for (; std::getline(csv, line); count++) {
    std::istringstream in(line);
    std::string file, label, predicted, probability;
    std::getline(in, file, ','), std::getline(in, label, ','), std::getline(in, predicted, ',');
    std::getline(in, probability, ',');
    ASSERT_TRUE(by_file.count(file)) << file;
    EXPECT_EQ(by_file[file].at("index"), std::stoi(predicted)) << file;
    EXPECT_NEAR(by_file[file].at("probability").get<double>(), std::stod(probability), 1e-4) << file;
  }
  EXPECT_EQ(count, 200);
}

// Classes that the weights do not name are ImageNet's, and a folder of some of them, by synset or by name, can be judged.
TEST(Reference, ImageNetNamesItsClasses) {
  FOVEA_NEED_DATA(data);
  const std::string weights = data + "/checkpoints/mobilenet_v1_0.25_128.safetensors", dir = fresh_folder("imagenet"),
                    tench = data + "/imagenet-samples/0000_n01440764.jpg",
                    robin = data + "/imagenet-samples/0015_n01558993.jpg";
  Result p = run({"predict", "tf_mobilenetv1_025", "--weights", weights, tench, "--json"});
  EXPECT_EQ(json::parse(p.out)[0].at("top")[0].at("class"), "tench") << p.err;
  for (const char* way : {"synsets/val/n01440764", "synsets/val/n01558993", "names/val/tench", "names/val/robin"})
    std::filesystem::create_directories(dir + "/" + way);
  for (const char* way : {"/synsets/val/n01440764", "/names/val/tench"}) std::filesystem::copy(tench, dir + way);
  for (const char* way : {"/synsets/val/n01558993", "/names/val/robin"}) std::filesystem::copy(robin, dir + way);
  for (const char* way : {"/synsets", "/names"}) {
    Result v = run({"val", "tf_mobilenetv1_025", "--weights", weights, "--data", "folder:" + dir + way, "--json"});
    ASSERT_EQ(v.code, 0) << v.err;
    EXPECT_EQ(json::parse(v.out).at("correct"), 2);
  }
}

TEST(Reference, FixturesOfTwoFamilies) {
  FOVEA_NEED_DATA(data);
  Result r = run({"verify", data + "/../fixtures/zoo/resnet10t.json", data + "/../fixtures/zoo/convnext_atto.json"});
  EXPECT_EQ(r.code, 0) << r.out;
  EXPECT_TRUE(r.out.ends_with("2 passed, 0 failed\n")) << r.out;
}

}  // namespace
}  // namespace fovea::cli_test
