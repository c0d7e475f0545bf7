// Published weights give the published outputs.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "fixtures.h"
#include "io/fixture.h"
#include "io/gzip.h"
#include "io/tensor_file.h"
#include "models/registry.h"
#include "passes/fold_norm.h"
#include "passes/inference.h"
#include "run/program.h"

namespace fovea {
namespace {

void load(const std::string& path, const Graph& g, State& state) {
  auto file = TensorFile::open(path);
  EXPECT_EQ(file->tensors().size(), g.params().size());
  for (const Param& p : g.params()) {
    const TensorEntry* t = file->find(p.name);
    ASSERT_TRUE(t) << p.name;
    Shape s = p.file_shape();
    ASSERT_EQ(t->shape, std::vector<int64_t>(s.begin(), s.end())) << p.name;
    std::vector<float> values(static_cast<size_t>(t->count()));
    file->read(*t, values.data());
    from_file_order(p, values.data(), state.at(p.name).data());
  }
}

// logits of the model with the file's weights on an image batch [n,h,w,c]
std::vector<std::vector<double>> logits(const std::string& name, const std::string& file, int batch,
                                        const std::vector<float>& image) {
  auto g = build_model(find_model(name), batch);
  State state;
  state.add(*g, 0);
  load(file, *g, state);
  Pool pool(2);
  PlanOptions options;
  options.threads = 2;
  Program program(make_plan(*inference(*fold_norm(*g)), options), state, pool);
  std::copy(image.begin(), image.end(), program.input("image"));
  program.run();
  std::vector<std::vector<double>> r;
  int classes = program.output_shape("logits")[1];
  const float* out = program.output("logits");
  for (int i = 0; i < batch; i++) r.emplace_back(out + i * classes, out + (i + 1) * classes);
  return r;
}

class Deployed : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Deployed, Logits) {
  auto [model, file] = GetParam();
  std::string stem = shared(std::string("data/checkpoints/") + file);
  FOVEA_NEEDS(stem + ".json");
  nlohmann::json j = nlohmann::json::parse(std::ifstream(stem + ".json"));
  auto shape = j.at("input_shape_nchw").get<std::vector<int>>();
  int c = shape[1], pixels = shape[2] * shape[3];
  bool bytes = j.at("test").at("input").get<std::string>().find("127.5") != std::string::npos;
  std::vector<float> image(static_cast<size_t>(2 * c * pixels));
  for (int i = 0; i < 2 * c * pixels; i++) {
    int n = i / (c * pixels), channel = i / pixels % c, p = i % pixels;
    double u = hash_unit("input", static_cast<uint64_t>(i));
    image[static_cast<size_t>((n * pixels + p) * c + channel)] = static_cast<float>(bytes ? (u + 1) * 127.5 : u);
  }
  auto need = j.at("test").at("logits").get<std::vector<std::vector<double>>>();
  auto got = logits(model, stem + ".safetensors", 2, image);
  double largest = 0;
  for (auto& row : need)
    for (double v : row) largest = std::max(largest, std::fabs(v));
  for (size_t i = 0; i < need.size(); i++)
    for (size_t k = 0; k < need[i].size(); k++) EXPECT_NEAR(got[i][k], need[i][k], 1e-5 * largest) << i << " " << k;
}

INSTANTIATE_TEST_SUITE_P(Models, Deployed,
                         testing::Values(std::pair("tf_mobilenetv1_025", "mobilenet_v1_0.25_128"),
                                         std::pair("tf_mobilenetv1_025_96", "mobilenet_v1_0.25_96"),
                                         std::pair("vww_mlperf_tiny", "vww_mlperf_tiny"),
                                         std::pair("vww_tinymaix_96", "vww_tinymaix_96"),
                                         std::pair("resnet8_mlperf_tiny", "resnet8_mlperf_tiny"),
                                         std::pair("resnet8_large_mlperf_tiny", "resnet8_large_mlperf_tiny"),
                                         std::pair("dscnn_kws_mlperf_tiny", "dscnn_kws_mlperf_tiny"),
                                         std::pair("cifar10_tinymaix", "cifar10_tinymaix")),
                         [](const auto& p) { return std::string(p.param.first); });

// The first picture of the test set (a cat), from both formats of the weights.
TEST(Models, CifarCheckpoints) {
  std::string data = shared("data/cifar10/test_batch.bin.gz");
  FOVEA_NEEDS(data);
  std::string record = read_maybe_gzip(data).substr(1, 3072);
  const float mean[] = {0.485f, 0.456f, 0.406f}, std[] = {0.229f, 0.224f, 0.225f};
  std::vector<float> image(3072);
  for (size_t i = 0; i < 3072; i++) {
    float v = static_cast<float>(static_cast<uint8_t>(record[i])) / 255;
    image[i % 1024 * 3 + i / 1024] = (v - mean[i / 1024]) / std[i / 1024];
  }
  const std::vector<double> resnet20 = {6.20330, -1.53188, -1.45243, 12.85162, -4.97560,
                                        5.31771, -6.08537, -4.76204, -3.62741, -1.99562};
  const std::vector<double> resnet56 = {13.15908, -0.69393, -2.75907, 7.94001,  -3.98033,
                                        -1.42775, -4.25193, -4.53286, -1.40929, -2.08299};
  auto expect = [&](const char* model, const char* file, const std::vector<double>& need) {
    SCOPED_TRACE(file);
    auto got = logits(model, shared(std::string("data/checkpoints/") + file), 1, image)[0];
    for (size_t k = 0; k < need.size(); k++) EXPECT_NEAR(got[k], need[k], 1e-4) << k;
  };
  expect("resnet20_cifar", "resnet20-12fca82f.th", resnet20);
  expect("resnet20_cifar", "resnet20-cifar10.safetensors", resnet20);
  expect("resnet56_cifar", "resnet56-4bfd9763.th", resnet56);
  expect("resnet56_cifar", "resnet56-cifar10.safetensors", resnet56);
}

}  // namespace
}  // namespace fovea
