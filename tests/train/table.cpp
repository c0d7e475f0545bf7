// A network that takes any input learns from a table, and its weight file knows the table's shape.
#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "base/random.h"
#include "io/tensor_file.h"
#include "pictures.h"
#include "train/loop.h"
#include "train/weights.h"

namespace fovea {
namespace {

TEST(Training, LearnsFromATableAndFromTheFirstOfEachClass) {
  ScratchFolder out("table");
  std::string text;
  Random random(3, 1);
  for (int i = 0; i < 400; i++) {
    int label = i % 3;
    text += std::to_string(1000 * label + 200 * static_cast<int>(random.below(2))) + "," + std::to_string(random.normal()) +
            "," + std::to_string(label) + "\n";
  }
  write_file(out / "t.csv", text);
  TrainConfig c;
  c.model = "fc16_selu", c.data = "table:" + out / "t.csv", c.per_class = 40, c.batch_size = 20, c.epochs = 10, c.lr = 0.01;
  c.drop = 0.05, c.threads = 1, c.output = out / "run";
  TrainResult r = train(c);
  EXPECT_EQ(r.steps, 3 * 40 / 20 * 10);
  EXPECT_GE(r.best, 0.95);
  std::optional<ModelInfo> info = model_info(*TensorFile::open(r.weights), r.weights);
  ASSERT_TRUE(info);
  EXPECT_EQ((std::vector<int>{info->card.height, info->card.width, info->card.channels}), (std::vector<int>{1, 2, 1}));
}

}  // namespace
}  // namespace fovea
