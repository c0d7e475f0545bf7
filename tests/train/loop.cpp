// Whole trainings on a tiny data set: they learn, they stop and go on to the same bits, they say what went wrong.
#include "train/loop.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "io/tensor_file.h"
#include "pictures.h"
#include "train/weights.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;

const ScratchFolder& data() {
  static const ScratchFolder folder("stripes");
  static bool made = (write_stripes(folder.path(), "train", 25), write_stripes(folder.path(), "val", 8), true);
  (void)made;
  return folder;
}

// Everything random is on. 100 pictures: 6 micro-batches an epoch.
TrainConfig everything(const std::string& output) {
  TrainConfig c;
  c.model = "cnn_mnist", c.data = "folder:" + data().path(), c.image_size = 16, c.batch_size = 16, c.epochs = 2;
  c.lr = 0.05, c.drop = 0.2, c.crop_pad = 2, c.hflip = 0.3, c.color_jitter = 0.2, c.aa = "rand-m3-n1", c.reprob = 0.2;
  c.mixup = 0.2, c.cutmix = 0.5, c.smoothing = 0.1, c.model_ema = true, c.clip_grad = 1, c.threads = 1, c.output = output;
  return c;
}

TrainHooks stop_after(int64_t step) {
  TrainHooks h;
  auto at = std::make_shared<int64_t>(0);
  h.progress = [at](const Progress& p) { *at = p.step; };
  h.stop = [at, step] { return *at >= step; };
  return h;
}

// Names and numbers of a checkpoint.
std::map<std::string, std::vector<float>> contents(const std::string& file) {
  std::map<std::string, std::vector<float>> r;
  auto f = TensorFile::open(file);
  for (const TensorEntry& t : f->tensors()) {
    r[t.name].resize(static_cast<size_t>(t.count()));
    f->read(t, r[t.name].data());
  }
  return r;
}

void expect_same(const std::string& a, const std::string& b) {
  auto x = contents(a + "/checkpoints/last.safetensors"), y = contents(b + "/checkpoints/last.safetensors");
  ASSERT_EQ(x.size(), y.size());
  for (auto& [name, values] : x)
    EXPECT_EQ(std::memcmp(values.data(), y.at(name).data(), values.size() * sizeof(float)), 0) << name;
}

TEST(Training, LearnsAndLeavesAWholeRunFolder) {
  ScratchFolder out("learns");
  TrainConfig c;
  c.model = "cnn_mnist", c.data = "folder:" + data().path(), c.image_size = 16, c.batch_size = 20, c.epochs = 8, c.lr = 0.05;
  c.threads = 2, c.output = out / "run";
  TrainResult r = train(c);
  EXPECT_GE(r.best, 0.9);
  EXPECT_EQ(r.evaluation->count, 32);
  EXPECT_EQ(r.steps, 40);
  for (const char* name : {"config.toml", "env.json", "metrics.csv", "log.jsonl", "report.html", "plots/loss.svg",
                           "plots/accuracy.svg", "plots/confusion.svg", "checkpoints/best.safetensors",
                           "checkpoints/last.safetensors", "checkpoints/prev.safetensors"})
    EXPECT_TRUE(fs::exists(r.folder + "/" + name)) << name;
  std::string report = read_file(r.folder + "/report.html");
  EXPECT_NE(report.find("data:image/png;base64,iVBOR"), report.npos);
  EXPECT_EQ(report.find("<script"), report.npos);
  TrainConfig again = config_of_run(r.folder);
  EXPECT_EQ(to_toml(again), to_toml(c));
  EXPECT_THROW(train(c), Error);  // the folder holds a run
  auto file = TensorFile::open(r.weights);
  std::optional<ModelInfo> info = model_info(*file, r.weights);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->model, "cnn_mnist");
  EXPECT_EQ(info->classes, (std::vector<std::string>{"down", "flat", "steep", "upright"}));
  EXPECT_EQ(info->card.height, 16);
  EXPECT_EQ(info->card.channels, 3);
}

TEST(Training, TheRateFollowsOptimizerAndStep) {
  ScratchFolder out("rate");
  auto rate = [&](const std::string& opt, int batch, int accum, double lr) {
    TrainConfig c = everything(out / (opt + std::to_string(batch) + std::to_string(lr > 0)));
    c.opt = opt, c.batch_size = batch, c.grad_accum = accum, c.lr = lr;
    return config_of_run(train(c, stop_after(1)).folder).lr;
  };
  EXPECT_DOUBLE_EQ(rate("sgd", 8, 1, 0), 0.00625);
  EXPECT_DOUBLE_EQ(rate("sgd", 16, 2, 0), 0.025);
  EXPECT_DOUBLE_EQ(rate("adamw", 8, 1, 0), 0.001);
  EXPECT_DOUBLE_EQ(rate("sgd", 8, 1, 0.3), 0.3);
}

// k steps, stop, resume, rest == all steps; stopped in the middle of an epoch, gone on with other threads.
void expect_resumes(TrainConfig c, int64_t stop_at) {
  ScratchFolder out("resume");
  c.output = out / "whole";
  train(c);
  c.output = out / "parts";
  TrainResult first = train(c, stop_after(stop_at));
  EXPECT_TRUE(first.stopped);
  EXPECT_EQ(first.steps, stop_at);
  TrainConfig again = config_of_run(first.folder);
  again.threads = 2, again.workers = 3;
  TrainResult second = train(again, {}, true);
  EXPECT_FALSE(second.stopped);
  expect_same(out / "whole", out / "parts");
  auto epochs = [](const std::string& folder) {  // all but the two columns of time
    std::string r;
    std::istringstream lines(read_file(folder + "/metrics.csv"));
    for (std::string line; std::getline(lines, line);) r += line.substr(0, line.rfind(',', line.rfind(',') - 1)) + "\n";
    return r;
  };
  EXPECT_EQ(epochs(out / "whole"), epochs(out / "parts"));
}

TEST(Training, ResumesToTheSameBitsWithSgd) { expect_resumes(everything(""), 4); }

TEST(Training, ResumesToTheSameBitsWithAdamWAndMicroBatches) {
  TrainConfig c = everything("");
  c.opt = "adamw", c.lr = 0.003, c.grad_accum = 2, c.drop_path = 0;
  expect_resumes(c, 5);  // 3 updates an epoch
}

TEST(Training, ResumesAtTheEndOfAnEpochAndAfterTheLast) {
  expect_resumes(everything(""), 6);
  ScratchFolder out("ended");
  TrainConfig c = everything(out / "run");
  c.epochs = 1;
  train(c);
  auto before = contents(out / "run/checkpoints/last.safetensors");
  TrainResult r = train(config_of_run(out / "run"), {}, true);
  EXPECT_FALSE(r.stopped);
  EXPECT_EQ(contents(out / "run/checkpoints/last.safetensors"), before);
}

TEST(Training, RefusesToResumeWithOtherOptions) {
  ScratchFolder out("other");
  TrainConfig c = everything(out / "run");
  train(c, stop_after(2));
  TrainConfig other = config_of_run(out / "run");
  other.lr = 0.5, other.model = "cnn_mnist_wide";
  try {
    train(other, {}, true);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::usage);
    EXPECT_NE(std::string(e.what()).find("model (\"cnn_mnist_wide\", was \"cnn_mnist\"), lr (0.5, was 0.05)"),
              std::string::npos)
        << e.what();
  }
}

TEST(Training, MicroBatchesMakeTheStepOfTheirWhole) {
  ScratchFolder out("micro");
  TrainConfig c = everything("");  // without batch statistics in the way only the rounding differs
  c.model = "cifar10_tinymaix", c.image_size = 32, c.epochs = 1, c.lr = 0.01, c.clip_grad = 0;
  c.drop = 0, c.mixup = c.cutmix = 0, c.reprob = 0, c.aa = "", c.color_jitter = 0, c.crop_pad = 0, c.hflip = 0;
  c.batch_size = 32, c.output = out / "one", train(c, stop_after(2));
  c.batch_size = 16, c.grad_accum = 2, c.output = out / "two", train(c, stop_after(2));
  auto x = contents(out / "one/checkpoints/last.safetensors"), y = contents(out / "two/checkpoints/last.safetensors");
  for (auto& [name, values] : x)
    for (size_t i = 0; i < values.size(); i++)
      ASSERT_NEAR(values[i], y.at(name)[i], 1e-4 * (1 + std::fabs(values[i]))) << name;
}

TEST(Training, ALossThatIsNotFiniteNamesStepAndLayer) {
  ScratchFolder out("diverged");
  TrainConfig c = everything(out / "run");
  c.model = "cifar10_tinymaix", c.image_size = 32;  // no norms that would hold it together
  c.lr = 1000, c.clip_grad = 0, c.model_ema = false, c.save_every = 1, c.epochs = 50;
  try {
    train(c);
    FAIL() << "did not diverge";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::diverged);
    EXPECT_NE(std::string(e.what()).find("first in "), std::string::npos) << e.what();
  }
  for (auto& [name, values] : contents(out / "run/checkpoints/last.safetensors"))
    for (float v : values) ASSERT_TRUE(std::isfinite(v)) << name;
}

TEST(Training, OneFolderOneTrainer) {
  ScratchFolder out("locked");
  TrainConfig c = everything(out / "run");
  TrainHooks h = stop_after(1);
  bool refused = false;
  h.progress = [&, progress = h.progress](const Progress& p) {
    progress(p);
    if (refused) return;
    try {
      train(config_of_run(c.output), {}, true);
    } catch (const Error& e) {
      refused = e.code() == Code::usage && std::string(e.what()).find("in use by process") != std::string::npos;
    }
  };
  train(c, h);
  EXPECT_TRUE(refused);
}

// Runs f in a process of its own, whose exit code is an Error's.
pid_t in_child(const std::function<void()>& f) {
  pid_t child = fork();
  if (child != 0) return child;
  try {
    f();
  } catch (const Error& e) { _exit(static_cast<int>(e.code())); }
  _exit(0);
}

int64_t number_after(const std::string& text, size_t at, const std::string& key) {
  size_t found = text.find(key, at);
  return found == text.npos ? -1 : std::atoll(text.c_str() + found + key.size());
}

TEST(Training, KilledAtTwentyMomentsNothingAnnouncedIsLost) {
  ScratchFolder out("killed");
  TrainConfig c = everything(out / "whole");
  c.epochs = 4, c.save_every = 1, c.samples = 2;
  train(c);
  c.output = out / "parts";
  Random random(7, 7);
  std::string last = out / "parts/checkpoints/last.safetensors";
  for (int kill_number = 0, status = -1; status != 0; kill_number++) {
    bool again = fs::exists(out / "parts/config.toml");
    pid_t child = in_child([&] { train(again ? config_of_run(c.output) : c, {}, again); });
    if (kill_number < 20) usleep(static_cast<useconds_t>(random.uniform(5e3f, 12e4f)));
    if (kill_number < 20) kill(child, SIGKILL);
    waitpid(child, &status, 0);
    if (!fs::exists(out / "parts/log.jsonl")) continue;
    std::string log = read_file(out / "parts/log.jsonl");
    size_t announced = log.rfind("\"event\": \"saved\"");
    if (announced == log.npos) continue;
    auto file = TensorFile::open(last);
    verify_checksum(*file, last, true);
    EXPECT_GE(number_after(file->metadata().at("fovea.training"), 0, "\"step\":"),
              number_after(log, announced, "\"step\": "));
  }
  expect_same(out / "whole", out / "parts");
}

TEST(Training, AFullDiskIsSaid) {
  ScratchFolder out("full");
  pid_t child = in_child([&] {
    rlimit small{64 << 10, 64 << 10};  // enough for everything but the weights
    setrlimit(RLIMIT_FSIZE, &small), signal(SIGXFSZ, SIG_IGN);
    train(everything(out / "run"));
  });
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), static_cast<int>(Code::resources));
  EXPECT_NE(read_file(out / "run/metrics.csv").find("\n2,"), std::string::npos);  // it trained to the end all the same
}

TEST(Training, StartsFromWeightsOfOtherClasses) {
  ScratchFolder out("init");
  TrainConfig c = everything(out / "first");
  c.epochs = 1;
  train(c);
  fs::create_directories(out / "two/train"), fs::create_directories(out / "two/val");
  for (const char* split : {"train", "val"})
    for (const char* name : {"flat", "upright"})
      fs::copy(data() / (std::string(split) + "/" + name), out / (std::string("two/") + split + "/" + name));
  c.data = "folder:" + (out / "two"), c.init = out / "first/checkpoints/best.safetensors", c.output = out / "second";
  std::string heard;
  TrainHooks h;
  h.note = [&](const std::string& line) { heard += line + "\n"; };
  train(c, h);
  EXPECT_NE(heard.find("new classifier (head.bias, head.weight)"), std::string::npos) << heard;
}

}  // namespace
}  // namespace fovea
