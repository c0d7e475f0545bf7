// One step of training at a time.
#include "train/trainer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "models/registry.h"

namespace fovea {
namespace {

std::map<std::string, std::vector<float>> numbers_of(const State& state) {
  std::map<std::string, std::vector<float>> r;
  for (auto& [name, a] : state.arrays()) r[name].assign(a.data(), a.data() + a.size());
  return r;
}

// Neither weights nor running statistics, slots, averages or sums of micro-batches; and the cause is named.
TEST(Trainer, AStepThatIsNotFiniteChangesNothing) {
  for (int accumulate : {1, 2})
    for (bool checkpoint : {false, true}) {
      Pool pool(1);
      auto g = build_model(find_model("resnet20_cifar"), 2, {.classes = 2, .channels = 3, .height = 8, .width = 8});
      StepOptions o{.optimizer = {.ema_decay = 0.9f}, .accumulate = accumulate, .checkpoint = checkpoint};
      Trainer t(*g, o, 1, pool);
      std::vector<float> x(2 * 8 * 8 * 3), y = {1, 0, 0, 1};
      for (size_t i = 0; i < x.size(); i++) x[i] = std::sin(static_cast<float>(i));
      std::vector<int> labels = {0, 1};
      StepInput in{x.data(), y.data(), labels, 0, 0, 0.1};
      auto before = numbers_of(t.state());
      x[70] = NAN;
      StepResult r = t.step(in);
      EXPECT_FALSE(std::isfinite(r.loss) && std::isfinite(r.grad_norm));
      EXPECT_EQ(numbers_of(t.state()), before);
      EXPECT_NE(t.first_bad_layer(in), "");
      EXPECT_EQ(numbers_of(t.state()), before);
      x[70] = 0;
      r = t.step(in);
      EXPECT_TRUE(std::isfinite(r.loss) && r.grad_norm > 0);
      auto after = numbers_of(t.state());
      EXPECT_NE(after.at("bn1.running_mean"), before.at("bn1.running_mean"));
      EXPECT_EQ(after.at("linear.weight") == before.at("linear.weight"), accumulate == 2);
    }
}

}  // namespace
}  // namespace fovea
