// Batches depend on the data and the seed, never on threads or on where a run was resumed; bad pictures leave a hole.
#include "data/loader.h"

#include <gtest/gtest.h>

#include <fmt/format.h>
#include <numeric>

#include "base/error.h"
#include "data/folders.h"
#include "data/shared.h"

namespace fovea {
namespace {

// n pictures of 8x8; the first pixel is the sample's number.
Dataset numbered(int n, int classes = 5) {
  Dataset d;
  d.spec = "made up";
  d.h = d.w = 8;
  for (int k = 0; k < classes; k++) d.classes.push_back("class " + std::to_string(k));
  for (int i = 0; i < n; i++) {
    Image a = noise(8, 8, 3, static_cast<uint64_t>(i));
    a.pixels[0] = static_cast<uint8_t>(i);
    d.pixels.insert(d.pixels.end(), a.pixels.begin(), a.pixels.end());
    d.labels.push_back(i % classes);
  }
  return d;
}

Card small_card() {
  Card card{.height = 8, .width = 8, .crop_pct = 1};
  for (int i = 0; i < 3; i++) card.mean[i] = 0, card.std[i] = 1 / 255.f;
  return card;
}

const Augment kEverything{.pad = 2,
                          .hflip = 0.5f,
                          .brightness = 0.3f,
                          .hue = 0.1f,
                          .randaugment = 2,
                          .erase = 0.5f,
                          .erase_noise = true,
                          .mixup = 0.8f,
                          .cutmix = 1,
                          .label_smoothing = 0.1f};

struct Copy {
  std::vector<float> images, targets;
  std::vector<int> labels;
  std::vector<int64_t> samples;
  int64_t number = 0;
  bool operator==(const Copy&) const = default;
};

std::vector<Copy> collect(Loader& loader, int64_t epoch, int64_t batch = 0, int64_t most = 1000) {
  std::vector<Copy> out;
  loader.start(epoch, batch);
  while (static_cast<int64_t>(out.size()) < most) {
    const Batch* b = loader.next();
    if (!b) break;
    out.push_back({{b->images, b->images + b->n * 192},
                   {b->targets, b->targets + b->n * loader.classes()},
                   b->labels,
                   b->samples,
                   b->number});
  }
  return out;
}

TEST(Loader, SameBatchesForAnyNumberOfThreads) {
  Dataset data = numbered(101);
  std::vector<Copy> first;
  for (int threads : {1, 2, 3, 7}) {
    for (int ahead : {0, 1, 5}) {
      Loader loader(data, small_card(), kEverything, {.batch = 16, .threads = threads, .ahead = ahead, .seed = 4});
      std::vector<Copy> got = collect(loader, 3);
      if (first.empty()) first = got;
      ASSERT_EQ(got.size(), 6u);
      EXPECT_TRUE(got == first) << threads << " threads, " << ahead << " ahead";
    }
  }
}

TEST(Loader, ResumesInMidEpoch) {
  Dataset data = numbered(64);
  Loader loader(data, small_card(), kEverything, {.batch = 8, .threads = 2});
  std::vector<Copy> all = collect(loader, 1), some = collect(loader, 1, 0, 3), rest = collect(loader, 1, 3);
  EXPECT_EQ(some.size() + rest.size(), all.size());
  some.insert(some.end(), rest.begin(), rest.end());
  EXPECT_TRUE(some == all);
  EXPECT_TRUE(collect(loader, 1, 8).empty());
  EXPECT_EQ(loader.next(), nullptr);
}

TEST(Loader, EpochsAndSeedsDiffer) {
  Dataset data = numbered(64);
  Loader a(data, small_card(), kEverything, {.batch = 8}), b(data, small_card(), kEverything, {.batch = 8, .seed = 1});
  EXPECT_FALSE(collect(a, 0) == collect(a, 1));
  EXPECT_FALSE(collect(a, 0) == collect(b, 0));
}

TEST(Loader, AnEpochHasEverySampleOnce) {
  Dataset data = numbered(100);
  Loader loader(data, small_card(), {}, {.batch = 10, .threads = 2});
  std::vector<int64_t> seen;
  for (const Copy& c : collect(loader, 5)) {
    for (int i = 0; i < 10; i++) {
      seen.push_back(c.samples[i]);
      EXPECT_EQ(std::lround(c.images[i * 192]), c.samples[i]);
      EXPECT_EQ(c.labels[i], c.samples[i] % 5);
      for (int k = 0; k < 5; k++) EXPECT_EQ(c.targets[i * 5 + k], k == c.labels[i] ? 1 : 0);
    }
  }
  EXPECT_FALSE(std::is_sorted(seen.begin(), seen.end()));
  std::sort(seen.begin(), seen.end());
  std::vector<int64_t> all(100);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(seen, all);
}

// Where each of 3 items stands, over many epochs: all six orders equally often.
TEST(Loader, OrdersAreUniform) {
  std::map<std::vector<uint32_t>, int> count;
  std::vector<uint32_t> order;
  for (int64_t epoch = 0; epoch < 6000; epoch++) epoch_order(3, 42, epoch, order), count[order]++;
  EXPECT_EQ(count.size(), 6u);
  for (const auto& [_, n] : count) EXPECT_NEAR(n, 1000, 150);
}

TEST(Loader, ValidationIsInOrderAndComplete) {
  Dataset data = numbered(21);
  Loader loader(data, small_card(), kEverything, {.batch = 8, .threads = 2, .train = false, .classes = 7});
  std::vector<Copy> got = collect(loader, 9);
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[2].samples.size(), 5u);
  int64_t next = 0;
  for (const Copy& c : got) {
    for (size_t i = 0; i < c.samples.size(); i++, next++) {
      EXPECT_EQ(c.samples[i], next);
      EXPECT_EQ(std::lround(c.images[i * 192]), next);  // nothing was augmented
      EXPECT_EQ(c.targets[i * 7 + next % 5], 1);
    }
  }
}

TEST(Loader, TargetsSumToOne) {
  Dataset data = numbered(32);
  Loader loader(data, small_card(), kEverything, {.batch = 16, .threads = 2});
  for (const Copy& c : collect(loader, 0)) {
    for (int i = 0; i < 16; i++) EXPECT_NEAR(std::accumulate(&c.targets[i * 5], &c.targets[i * 5] + 5, 0.f), 1, 1e-5);
  }
}

struct BadFiles : testing::Test {
  TempFolder dir{"bad_files"};
  Dataset data;
  void SetUp() override {
    for (int i = 0; i < 40; i++) dir.picture(fmt::format("a/{:02}.png", i), static_cast<uint64_t>(i));
    dir.write("a/07.png", "not a picture");
    dir.write("a/30.png", encode_png(view(noise(8, 8, 3))).substr(0, 100));
    data = open_dataset("folder:" + dir.path(), "train");
  }
};

TEST_F(BadFiles, LeaveHolesThatCountForNothing) {  // DS03
  std::vector<Copy> first;
  for (int threads : {1, 3}) {
    Loader loader(data, small_card(), kEverything, {.batch = 8, .threads = threads, .max_bad = 0.05});
    std::vector<Copy> got = collect(loader, 0);
    int holes = 0;
    for (const Copy& c : got) {
      for (int i = 0; i < 8; i++) {
        if (c.labels[i] >= 0) continue;
        holes++;
        EXPECT_TRUE(c.samples[i] == 7 || c.samples[i] == 30);
        EXPECT_EQ(c.targets[i], 0);
        for (int p = 0; p < 192; p++) ASSERT_EQ(c.images[i * 192 + p], 0);
      }
    }
    EXPECT_EQ(holes, 2);
    ASSERT_EQ(loader.bad().size(), 2u);
    EXPECT_NE(loader.bad().at(7).find("is text"), std::string::npos);
    EXPECT_NE(loader.bad().at(30).find("truncated"), std::string::npos);
    if (first.empty()) first = got;
    EXPECT_TRUE(got == first);
    EXPECT_EQ(collect(loader, 1).size(), 5u);  // the same two again: still 2 of 40
  }
}

TEST_F(BadFiles, TooManyStopTheRun) {
  Loader loader(data, small_card(), {}, {.batch = 8, .max_bad = 0.03});
  expect_error(error_of([&] { collect(loader, 0); }), Code::bad_file, {"2 of 40 pictures cannot be read", "--max-bad 0.03"});
}

TEST_F(BadFiles, FilesThatVanishAreBadToo) {  // DS09
  std::filesystem::remove(dir / "a/11.png");
  Loader loader(data, small_card(), {}, {.batch = 8, .threads = 2, .train = false, .max_bad = 0.1});
  EXPECT_EQ(collect(loader, 0)[1].labels[3], -1);
  EXPECT_NE(loader.bad().at(11).find("11.png"), std::string::npos);
}

// Going on without it, the weights would depend on how much memory was free.
TEST_F(BadFiles, APictureForWhichThereIsNoRoomStopsTheRun) {
  constexpr uint64_t batches = 3 * 8 * (192 + 1) * sizeof(float);
  LoaderOptions options{.batch = 8, .train = false, .max_bad = 1, .memory = batches + 10000};
  EXPECT_EQ(collect(*std::make_unique<Loader>(data, small_card(), Augment{}, options), 0).size(), 5u);
  options.memory = batches + 300;
  Loader loader(data, small_card(), {}, options);
  expect_error(error_of([&] { collect(loader, 0); }), Code::resources, {"too large for the memory", "--mem-limit"});
}

TEST(Loader, OtherErrorsReachTheCaller) {  // TR12
  Dataset data = numbered(64);
  data.channels = 2;  // no reader makes this, so it is a defect and not a bad picture
  Loader loader(data, small_card(), {}, {.batch = 8, .threads = 2});
  loader.start(0);
  expect_error(error_of([&] { loader.next(); }), Code::bug, {"not so"});
}

TEST(Loader, NamesTheSampleThatItWaitsFor) {
  TempFolder dir("slow");
  Image large = waves(1500, 1500);
  dir.write("a/slow.jpg", encode_jpeg(view(large)));
  Dataset data = open_dataset("folder:" + dir.path(), "val");
  std::string waited_for;
  Loader loader(data, small_card(), {},
                {.batch = 1, .stall_seconds = 1e-4, .on_stall = [&](const std::string& name) { waited_for = name; }});
  loader.start(0);
  EXPECT_EQ(loader.next()->filled, 1);
  EXPECT_EQ(waited_for, dir / "a/slow.jpg");
}

TEST(Loader, WrongSettings) {  // DS10
  Dataset data = numbered(10);
  auto error = [&](LoaderOptions o) { return error_of([&] { Loader(data, small_card(), {}, o); }); };
  expect_error(error({.batch = 11}), Code::usage, {"got 10 pictures", "at most 10"});
  EXPECT_EQ(error({.batch = 11, .train = false}), "ok");
  expect_error(error({.batch = 0}), Code::usage, {"batch"});
  expect_error(error({.batch = 1, .threads = 0}), Code::usage, {"threads"});
  expect_error(error({.batch = 1, .classes = 4}), Code::usage, {"5 classes"});
  data.table = true;
  EXPECT_EQ(error({.batch = 1}), "ok");
  expect_error(error_of([&] { Loader(data, small_card(), kEverything, {.batch = 1}); }), Code::usage, {"take no crop-pad"});
  data.w = 64, data.h = 1;
  expect_error(error({.batch = 1}), Code::usage, {"got 64 columns, which are never resized, need 8x8"});
  data.labels.clear();
  expect_error(error({.batch = 1}), Code::usage, {"got 0 pictures"});
}

TEST(Loader, CanBeLeftAtAnyPoint) {
  Dataset data = numbered(256);
  for (int i = 0; i < 50; i++) {
    Loader loader(data, small_card(), kEverything, {.batch = 16, .threads = 3});
    if (i % 2) collect(loader, 0, 0, i % 5);
    if (i % 3) loader.start(1, i % 16);
  }
}

}  // namespace
}  // namespace fovea
