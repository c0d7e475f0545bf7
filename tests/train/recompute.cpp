// Activation checkpointing: the same training from less memory.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "models/registry.h"
#include "train/trainer.h"

namespace fovea {
namespace {

std::map<std::string, std::vector<float>> train_a_little(const char* model, int size, bool checkpoint, int64_t& arena) {
  Pool pool(2);
  auto g = build_model(find_model(model), 8,
                       {.classes = 4, .channels = 3, .height = size, .width = size, .drop = 0.2f, .drop_path = 0.1f});
  StepOptions o{.checkpoint = checkpoint};
  Trainer t(*g, o, 1, pool);
  arena = t.program().plan().arena_floats;
  std::vector<float> x(static_cast<size_t>(8 * size * size * 3)), y(32, 0.25f);
  for (size_t i = 0; i < x.size(); i++) x[i] = std::sin(0.37f * static_cast<float>(i));
  std::vector<int> labels(8, 0);
  for (int s = 0; s < 3; s++) t.step({x.data(), y.data(), labels, s, s, 0.05});
  std::map<std::string, std::vector<float>> r;
  for (auto& [name, a] : t.state().arrays()) r[name].assign(a.data(), a.data() + a.size());
  return r;
}

// Sums of products that a plan fuses in another way are taken in another order, so where sums feed pointwise work (layer
// norm) the last bits may differ; elsewhere none do.
TEST(Recompute, TheSameTrainingFromLessMemory) {
  struct {
    const char* model;
    int size;
    double share;
    bool bits;
  } table[] = {{"resnet20_cifar", 32, 0.6, true},
               {"resnet9_cifar_half", 32, 0.85, true},
               {"mobilenetv2_050", 64, 0.45, true},
               {"convnext_atto", 64, 0.75, false}};
  for (auto& [model, size, share, bits] : table) {
    int64_t plain = 0, less = 0;
    auto a = train_a_little(model, size, false, plain), b = train_a_little(model, size, true, less);
    EXPECT_LT(static_cast<double>(less), share * static_cast<double>(plain)) << model;
    for (auto& [name, values] : a)
      for (size_t i = 0; i < values.size(); i++)
        ASSERT_NEAR(values[i], b.at(name)[i], bits ? 0 : 1e-5f * (1 + std::fabs(values[i]))) << model << " " << name;
  }
}

}  // namespace
}  // namespace fovea
