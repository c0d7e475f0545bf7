// The registry: every way in, every refusal (cases CF01 to CF03), and the way out.
#include "train/config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "base/atomic_file.h"
#include "base/error.h"

namespace fovea {
namespace {

std::string scratch(const std::string& name, const std::string& text) {
  std::string path = testing::TempDir() + "fovea_config_" + std::to_string(getpid()) + "_" + name;
  write_file(path, text);
  return path;
}

// What reading this text as a recipe complains about.
std::string complaint(const std::string& text) {
  std::string path = scratch("bad.toml", text), what = "accepted";
  try {
    TrainConfig c;
    read_toml(c, path);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::usage) << text;
    what = e.what();
    EXPECT_LE(what.size(), 300u) << what;
    EXPECT_EQ(what.find('\n'), what.npos) << what;
    if (what.starts_with(path)) what = what.substr(path.size());
  }
  unlink(path.c_str());
  return what;
}

TEST(Config, RecipeRefusals) {
  std::pair<std::string, const char*> table[] = {
      {"epoch = 3", ":1: there is no option \"epoch\"; did you mean \"epochs\"?"},
      {"[optim]\nlearning = 1", ":2: there is no option \"optim.learning\""},
      {"[optm]\nlr = 1", ":1: "},
      {"[optim]\nlr = -1", ":2: lr: got -1, need a number from 0 to 1000"},
      {"lr = nan", ":1: lr: got nan, need a number from"},
      {"lr = inf", ":1: lr: got inf, need a number from"},
      {"lr = \"fast\"", ":1: lr: got fast, need a number"},
      {"lr = \"0.1\"", ":1: lr: got a text, need number"},
      {"epochs = 0", ":1: epochs: got 0, need a whole number from 1 to 100000"},
      {"epochs = 1000000000", "got 1000000000, need a whole number from 1 to 100000"},
      {"epochs = 1.5", ":1: epochs: got 1.5, need a whole number"},
      {"epochs = 99999999999999999999", "not representable in 64 bits"},
      {"image-size = -1", "image-size: got -1, need"},
      {"image-size = 1000000", "image-size: got 1000000, need a whole number from 0 to 8192"},
      {"batch-size = 0", "batch-size: got 0, need"},
      {"threads = 1000000", "threads: got 1000000, need a whole number from 0 to 256"},
      {"nesterov = 1", "nesterov: got 1, need true or false"},
      {"model = 5", ":1: model: got a bare value, need text"},
      {"opt = \"sdg\"", "opt: got sdg, need one of sgd adamw; did you mean \"sgd\"?"},
      {"model = [\"a\"]", ":1: model: got a list, need text"},
      {"scale = 1", ":1: scale: got a bare value, need numbers"},
      {"scale = [[1]]", ":1: a list in a list"},
      {"lr = 1979-05-27", ":1: a table or date"},
      {"lr = 1\nlr = 2", ":2:"},
      {"lr = ", ":1:"},
      {"lr = 1 2", ":1:"},
      {std::string("lr\0 = 1", 7), ":1:"},
      {"model = \"\xFF\"", ":1:"},
      {"mean = " + std::string(100000, '['), ":1:"},
      {std::string(100000, 'a') + " = 1", "there is no option \"aaaa"},
      {[] {
         std::string s = "a";
         for (int i = 0; i < 100000; i++) s += ".a";
         return s + " = 1";
       }(),
       "nested too deep"},
      {std::string(300 << 10, '#'), "too long"},
  };
  for (auto& [text, want] : table)
    EXPECT_NE(complaint(text).find(want), std::string::npos) << text.substr(0, 80) << "\n" << complaint(text);
  EXPECT_EQ(complaint("\xEF\xBB\xBFlr = 0.5\t# a byte order mark and a tab"), "accepted");
}

TEST(Config, EveryWayIn) {
  std::string path = scratch("good.toml",
                             "model = \"resnet20_cifar\"\n[optim]\nlr = 1\ndecay-scopes = [\"*.bias=0.1\"]\n"
                             "[augment]\nscale = [0.5, 1]\n");
  TrainConfig c;
  read_toml(c, path);
  unlink(path.c_str());
  EXPECT_EQ(c.model, "resnet20_cifar");
  EXPECT_EQ(c.lr, 1);
  EXPECT_EQ(c.decay_scopes, (std::vector<std::string>{"*.bias=0.1"}));
  EXPECT_EQ(c.scale, (std::vector<double>{0.5, 1}));
  setenv("FOVEA_TRAIN_BATCH_SIZE", "32", 1);
  read_environment(c);
  unsetenv("FOVEA_TRAIN_BATCH_SIZE");
  EXPECT_EQ(c.batch_size, 32);
  setenv("FOVEA_TRAIN_BATCHSIZE", "16", 1);
  EXPECT_THROW(read_environment(c), Error);
  unsetenv("FOVEA_TRAIN_BATCHSIZE");
  set_assignment(c, "optim.epochs = 7"), set_assignment(c, "hflip=0.5"), set_assignment(c, "mean=0.1, 0.2,0.3");
  EXPECT_EQ(c.epochs, 7);
  EXPECT_EQ(c.hflip, 0.5);
  EXPECT_EQ(c.mean.size(), 3u);
  EXPECT_THROW(set_assignment(c, "epochs"), Error);
  EXPECT_THROW(set_assignment(c, "model.epochs=3"), Error);
}

TEST(Config, ComesOutAsItWentIn) {
  TrainConfig c;
  c.model = "a \"quoted\" \\ name\n", c.data = "folder:caf\xC3\xA9", c.lr = 0.1 + 0.2, c.mean = {1e-3, 0.5, 1. / 3},
  c.std = c.mean;
  c.decay_scopes = {"head.*=0.1", "*=0"}, c.nesterov = false, c.warmup_epochs = 2.5;
  std::string path = scratch("round.toml", to_toml(c));
  TrainConfig back;
  read_toml(back, path);
  unlink(path.c_str());
  EXPECT_EQ(to_toml(back), to_toml(c));
  EXPECT_EQ(back.lr, c.lr);
  EXPECT_EQ(back.model, c.model);
  EXPECT_TRUE(conflicts(back, c).empty());
  back.threads = 7;
  EXPECT_TRUE(conflicts(back, c).empty());
  back.lr = 1;
  EXPECT_EQ(conflicts(back, c), std::vector<std::string>{"lr (1, was 0.30000000000000004)"});
}

TEST(Config, DefaultsAreInRangeAndNamesAreUnique) {
  TrainConfig c;
  for (const Option& o : train_options()) {
    TrainConfig d;
    int same = 0;
    for (const Option& other : train_options()) same += std::string(o.name) == other.name;
    EXPECT_EQ(same, 1) << o.name;
    if (type_name(o) == "text") continue;
    EXPECT_NO_THROW(set_option(d, o.name, default_text(o), "default")) << o.name;
  }
  EXPECT_THROW(check(c), Error);
  c.model = "m", c.data = "folder:x";
  EXPECT_NO_THROW(check(c));
  c.scale = {1, 0.5};
  EXPECT_THROW(check(c), Error);
}

}  // namespace
}  // namespace fovea
