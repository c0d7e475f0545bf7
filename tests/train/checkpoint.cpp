// Checkpoints and weight files: what is written comes back, and damage is noticed wherever it is.
#include "train/checkpoint.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "pictures.h"
#include "train/run_folder.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;

// A convolution (whose order differs in files), a bias, a slot.
struct Small {
  Small() {
    Scope s(g);
    s["conv"].param("weight", {4, 3, 3, 2}, normal(1), {0, 3, 1, 2});
    s["head"].param("weight", {5, 4}, normal(1)), s["head"].param("bias", {5}, normal(1));
    state.add(g, 3);
  }
  Graph g;
  State state;
  ModelInfo info{"cnn_mnist", {.classes = 5, .channels = 1, .height = 28, .width = 20}, {.height = 28, .width = 20}, {}};
};

std::map<std::string, std::vector<float>> values(const State& s) {
  std::map<std::string, std::vector<float>> r;
  for (auto& [name, a] : s.arrays()) r[name].assign(a.data(), a.data() + a.size());
  return r;
}
void spoil(State& s) {
  for (auto& [name, a] : s.arrays()) std::fill_n(a.data(), a.size(), -7.0f);
}
std::string message(const std::function<void()>& f, Code want) {
  try {
    f();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), want) << e.what();
    EXPECT_LE(std::string(e.what()).size(), 300u) << e.what();
    return e.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

TEST(Checkpoint, ComesBackExactly) {
  ScratchFolder dir("checkpoint");
  Small a;
  Checkpoint c{{.step = 12345678901,
                .epoch = 3,
                .batch = 17,
                .best = 0.1 + 0.2,
                .best_epoch = 2,
                .loss_sum = 1.0 / 3,
                .correct = 99,
                .seen = 1000,
                .seconds = 12.5},
               "[optim]\nlr = 0.1\n"};
  EXPECT_FALSE(load_checkpoint(dir.path(), a.state, a.g.params(), [](auto&) {}));
  auto before = values(a.state);
  save_checkpoint(dir.path(), a.state, a.g.params(), a.info, c);
  spoil(a.state);
  std::optional<Checkpoint> back = load_checkpoint(dir.path(), a.state, a.g.params(), [](auto&) { FAIL(); });
  ASSERT_TRUE(back);
  EXPECT_EQ(values(a.state), before);
  EXPECT_EQ(back->config, c.config);
  EXPECT_EQ(checkpoint_config(dir.path()), c.config);
  EXPECT_EQ(std::tie(back->at.step, back->at.epoch, back->at.batch, back->at.best, back->at.best_epoch, back->at.loss_sum,
                     back->at.correct, back->at.seen, back->at.seconds),
            std::tie(c.at.step, c.at.epoch, c.at.batch, c.at.best, c.at.best_epoch, c.at.loss_sum, c.at.correct, c.at.seen,
                     c.at.seconds));
}

TEST(Checkpoint, EveryFlippedBitIsNoticedAndTheOneBeforeTaken) {
  ScratchFolder dir("flip");
  Small a;
  save_checkpoint(dir.path(), a.state, a.g.params(), a.info, {{.step = 1}, ""});
  auto first = values(a.state);
  for (auto& [name, array] : a.state.arrays()) array.data()[0] += 1;
  save_checkpoint(dir.path(), a.state, a.g.params(), a.info, {{.step = 2}, ""});
  std::string last = dir / "last.safetensors", good = read_file(last);
  for (size_t at = 0; at < good.size(); at += 7) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << (at % 8)));
    write_file(last, bad);
    std::string heard;
    spoil(a.state);
    std::optional<Checkpoint> c =
        load_checkpoint(dir.path(), a.state, a.g.params(), [&](const std::string& line) { heard = line; });
    ASSERT_TRUE(c);
    ASSERT_EQ(c->at.step, 1) << "byte " << at << " of " << good.size() << " changed unnoticed";
    EXPECT_EQ(values(a.state), first) << at;
    EXPECT_NE(heard.find("going on from prev.safetensors, step 1"), std::string::npos) << heard;
    ASSERT_TRUE(fs::exists(dir / "last.damaged"));
    fs::remove(dir / "last.damaged");
  }
}

TEST(Checkpoint, TruncatedAnywhereTheOneBeforeHolds) {
  ScratchFolder dir("cut");
  Small a;
  save_checkpoint(dir.path(), a.state, a.g.params(), a.info, {{.step = 1}, ""});
  save_checkpoint(dir.path(), a.state, a.g.params(), a.info, {{.step = 2}, ""});
  std::string last = dir / "last.safetensors", good = read_file(last);
  for (size_t size = 0; size < good.size(); size += 1 + good.size() / 64) {
    write_file(last, good.substr(0, size));
    std::optional<Checkpoint> c = load_checkpoint(dir.path(), a.state, a.g.params(), [](auto&) {});
    ASSERT_TRUE(c) << size;
    EXPECT_EQ(c->at.step, 1);
  }
  fs::remove(last);
  EXPECT_EQ(load_checkpoint(dir.path(), a.state, a.g.params(), [](auto&) {})->at.step, 1);
}

// As after a save that found the disk full: both names are of one file.
TEST(Checkpoint, KeepsNothingButItsTwoFiles) {
  ScratchFolder dir("links");
  Small a;
  save_checkpoint(dir.path(), a.state, a.g.params(), a.info, {{.step = 1}, ""});
  fs::create_hard_link(dir / "last.safetensors", dir / "prev.safetensors");
  save_checkpoint(dir.path(), a.state, a.g.params(), a.info, {{.step = 2}, ""});
  EXPECT_EQ(std::distance(fs::directory_iterator(dir.path()), fs::directory_iterator()), 2);
}

TEST(Checkpoint, OfAnotherModelOrAFutureVersion) {
  ScratchFolder dir("foreign");
  Small a, b;
  b.g.param({.name = "more", .file_axes = {}, .type = {{2}}});
  b.state.add(b.g, 0);
  save_checkpoint(dir.path(), a.state, a.g.params(), a.info, {{.step = 1}, ""});
  std::string text = message([&] { load_checkpoint(dir.path(), b.state, b.g.params(), [](auto&) {}); }, Code::bad_file);
  EXPECT_NE(text.find("more is missing"), text.npos) << text;
  write_params(dir / "last.safetensors", {}, {{"fovea.training", "{\"version\": 2}"}});
  message([&] { load_checkpoint(dir.path(), a.state, a.g.params(), [](auto&) {}); }, Code::unsupported);
  save_weights(dir / "last.safetensors", a.state, a.g, a.info);
  text = message([&] { load_checkpoint(dir.path(), a.state, a.g.params(), [](auto&) {}); }, Code::bad_file);
  EXPECT_NE(text.find("no training state"), text.npos) << text;
}

TEST(Checkpoint, SweepsWhatTheDeadLeftBehind) {
  ScratchFolder dir("sweep");
  pid_t dead = fork();
  if (dead == 0) _exit(0);
  waitpid(dead, nullptr, 0);
  std::string pid = std::to_string(dead), random = ".00ff00ff00ff00ff";
  std::string gone[] = {".last.safetensors.tmp." + pid + random, ".prev.tmp." + pid + ".0", ".x.y.z.tmp." + pid + random,
                        ".last.safetensors.tmp." + std::to_string(getpid()) + random};  // of a process before us
  std::string kept[] = {".last.safetensors.tmp." + std::to_string(getppid()) + random,  // it lives
                        "last.safetensors",
                        "notes.tmp." + pid + random,
                        ".notes.tmp." + pid + "x" + random,
                        ".notes.tmp." + pid + ".txt",
                        ".notes.temp." + pid + random,
                        ".notes.tmp.-1" + random,
                        ".notes.tmp.99999999999999999999" + random,
                        ".tmp." + pid + random};
  for (const std::string& name : gone) write_file(dir / name, "x");
  for (const std::string& name : kept) write_file(dir / name, "x");
  fs::create_directory(dir / (".folder.tmp." + pid + random));
  sweep_temporary(dir.path());
  for (const std::string& name : gone) EXPECT_FALSE(fs::exists(dir / name)) << name;
  for (const std::string& name : kept) EXPECT_TRUE(fs::exists(dir / name)) << name;
  EXPECT_TRUE(fs::exists(dir / (".folder.tmp." + pid + random)));
}

// A process that was killed while it wrote a checkpoint, and a run that goes on in its folder.
TEST(Checkpoint, AKilledWriterLeavesAFileThatTheNextRunRemoves) {
  ScratchFolder dir("killed");
  fs::create_directory(dir / "checkpoints");
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  pid_t child = fork();
  if (child == 0) {
    AtomicFile file(dir / "checkpoints/last.safetensors");
    file.write("half of it");
    if (write(ready[1], "x", 1) == 1) pause();
    _exit(0);
  }
  char byte;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  auto files = [&] { return std::distance(fs::directory_iterator(dir / "checkpoints"), fs::directory_iterator()); };
  sweep_temporary(dir / "checkpoints");
  EXPECT_EQ(files(), 1) << "it is still being written";
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ready[0]), close(ready[1]);
  TrainConfig config;
  config.output = dir.path();
  RunFolder folder(config, false, [](const std::string&) {});
  EXPECT_EQ(files(), 0);
}

TEST(Weights, AreInTheOrderOfFilesAndSayWhatTheyAre) {
  ScratchFolder dir("weights");
  Small a;
  a.info.classes = {"a", "b", "<c>", "\xFF", "e"};
  std::string path = dir / "w.safetensors";
  save_weights(path, a.state, a.g, a.info);
  auto file = TensorFile::open(path);
  EXPECT_EQ(file->find("conv.weight")->shape, (std::vector<int64_t>{4, 2, 3, 3}));
  float oihw[72];
  file->read(*file->find("conv.weight"), oihw);
  EXPECT_EQ(oihw[1 * 18 + 1 * 9 + 2 * 3 + 0], a.state.at("conv.weight").data()[((1 * 3 + 2) * 3 + 0) * 2 + 1]);
  std::optional<ModelInfo> info = model_info(*file, path);
  ASSERT_TRUE(info);
  EXPECT_EQ(std::tie(info->model, info->options.width, info->classes[2]), std::make_tuple("cnn_mnist", 20, "<c>"));
  auto before = values(a.state);
  spoil(a.state);
  EXPECT_EQ(load_weights(a.state, a.g, *file, path).tensors, 3);
  EXPECT_EQ(values(a.state), before);
}

TEST(Weights, AnotherModelsFileIsRecognized) {
  ScratchFolder dir("nearest");
  auto g = build_model(find_model("resnet20_cifar"), 1, {.classes = 7});
  State state;
  state.add(*g, 1);
  save_weights(dir / "w.safetensors", state, *g, {});
  EXPECT_EQ(nearest_models(*TensorFile::open(dir / "w.safetensors")), "It fits resnet20_cifar");
  const float zeros[3] = {};
  std::vector<TensorOut> most;
  for (const Param& p : g->params()) {
    Shape s = p.file_shape();
    if (!p.name.starts_with("layer3.2"))
      most.push_back({p.name, FileType::f32, {s.begin(), s.end()}, state.at(p.name).data()});
  }
  write_safetensors(dir / "most.safetensors", most);
  EXPECT_EQ(nearest_models(*TensorFile::open(dir / "most.safetensors")), "Nearest: resnet20_cifar");
  write_safetensors(dir / "other.safetensors", {{{"a", FileType::f32, {3}, zeros}}});
  EXPECT_EQ(nearest_models(*TensorFile::open(dir / "other.safetensors")), "");
}

TEST(Weights, WhatDoesNotFitIsListedAtOnce) {
  ScratchFolder dir("misfit");
  Small a;
  float zeros[72] = {};
  auto write = [&](std::vector<TensorOut> list) { write_safetensors(dir / "w.safetensors", list); };
  auto load = [&](const LoadOptions& o = {}) {
    return load_weights(a.state, a.g, *TensorFile::open(dir / "w.safetensors"), "w", o);
  };
  TensorOut conv{"conv.weight", FileType::f32, {4, 2, 3, 3}, zeros}, bias{"head.bias", FileType::f32, {5}, zeros};
  TensorOut head{"head.weight", FileType::f32, {5, 4}, zeros}, tracked{"bn.num_batches_tracked", FileType::i64, {}, zeros};
  auto before = values(a.state);
  write({conv, {"head.wieght", FileType::f32, {5, 4}, zeros}, {"head.bias", FileType::f32, {7}, zeros}});
  std::string text = message([&] { load(); }, Code::bad_file);
  EXPECT_EQ(
      text,
      "w: its tensors do not fit the model: 1 missing (head.weight); 1 of another shape (head.bias: got [7], need [5]);"
      " 1 unknown (head.wieght); did you mean \"head.weight\"?");
  EXPECT_EQ(values(a.state), before);
  write({conv, bias, head, tracked});
  EXPECT_EQ(load().tensors, 3);
  write({conv, {"head.weight", FileType::f32, {9, 4}, zeros}, {"head.bias", FileType::f32, {9}, zeros}});
  message([&] { load(); }, Code::bad_file);
  Loaded r = load({.classes = 5});
  EXPECT_EQ(r.replaced, (std::vector<std::string>{"head.weight", "head.bias"}));
  write({{"conv.weight", FileType::f32, {3, 2, 3, 3}, zeros}, bias, head});
  EXPECT_NE(message([&] { load({.classes = 5}); }, Code::bad_file).find("1 of another shape (conv.weight"), text.npos);
  write({{"net.conv.kernel", FileType::f32, {4, 2, 3, 3}, zeros},
         {"net.head.bias", FileType::f32, {5}, zeros},
         {"net.head.weight", FileType::f32, {5, 4}, zeros}});
  EXPECT_EQ(load({.renames = {{"net.*.kernel", "*.weight"}, {"net.*", "*"}}}).tensors, 3);
}

TEST(Weights, NumbersThatAreNotFiniteAreCounted) {  // ST18
  ScratchFolder dir("finite");
  Small a;
  std::string path = dir / "w.safetensors";
  auto load = [&] { return load_weights(a.state, a.g, *TensorFile::open(path), "w"); };
  a.state.at("conv.weight").data()[1] = 1e-40f;
  a.state.at("conv.weight").data()[2] = -3.4e38f;
  save_weights(path, a.state, a.g, a.info);
  EXPECT_EQ(load().warning, "");
  a.state.at("head.weight").data()[19] = -INFINITY;
  a.state.at("head.bias").data()[0] = a.state.at("head.bias").data()[4] = NAN;
  save_weights(path, a.state, a.g, a.info);
  Loaded r = load();
  EXPECT_EQ(r.warning, "w: 3 numbers are not finite, the first in head.weight");
  EXPECT_EQ(r.tensors, 3);
  EXPECT_EQ(a.state.at("head.weight").data()[19], -INFINITY);
}

TEST(Weights, ADamagedDescriptionIsAnError) {
  ScratchFolder dir("described");
  std::string whole =
      R"({"model":"x","classes":2,"channels":3,"height":8,"width":8,"class_names":[],"mean":[0,0,0],"std":[1,1,0],)"
      R"("interpolation":"bicubic","crop_pct":1})";  // std 0: every answer would be NaN
  for (const std::string& text : {std::string(), std::string("{"), std::string("[]"), std::string("{\"model\": 5}"),
                                  std::string("{\"model\": \"x\", \"classes\": -1}"), std::string("null"), whole}) {
    write_safetensors(dir / "w.safetensors", {}, {{"fovea.model", text}});
    auto file = TensorFile::open(dir / "w.safetensors");
    message([&] { model_info(*file, "w"); }, Code::bad_file);
  }
}

}  // namespace
}  // namespace fovea
