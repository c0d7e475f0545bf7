// Preprocessing and augmentation: pixels equal Pillow's, boxes and mixes keep their promises, draws have the right spread.
#include "data/augment.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "data/folders.h"
#include "data/mix.h"
#include "data/pixel_ops.h"
#include "data/preprocess.h"
#include "data/randaugment.h"

namespace fovea {
namespace {

struct Golden {
  const char* op;
  double argument;
  const char* pixels;
};

const Golden kGolden[] = {
#define GOLDEN_RESIZE(...)
#define GOLDEN_FILE(...)
#define GOLDEN_OP(op, ...) {#op, __VA_ARGS__},
#include "io/golden_images.inc"
#undef GOLDEN_RESIZE
#undef GOLDEN_FILE
#undef GOLDEN_OP
};

constexpr uint8_t kFill[3] = {10, 20, 30};

using Op = void (*)(Pixels p, double argument, std::vector<uint8_t>& room);
const std::map<std::string, Op> kOps = {
    {"brightness", [](Pixels p, double a, auto&) { adjust_brightness(p, static_cast<float>(a)); }},
    {"contrast", [](Pixels p, double a, auto&) { adjust_contrast(p, static_cast<float>(a)); }},
    {"saturation", [](Pixels p, double a, auto&) { adjust_saturation(p, static_cast<float>(a)); }},
    {"sharpness", [](Pixels p, double a, auto& room) { adjust_sharpness(p, static_cast<float>(a), room); }},
    {"hue", [](Pixels p, double a, auto&) { adjust_hue(p, static_cast<float>(a)); }},
    {"autocontrast", [](Pixels p, double, auto&) { autocontrast(p); }},
    {"equalize", [](Pixels p, double, auto&) { equalize(p); }},
    {"invert", [](Pixels p, double, auto&) { invert(p); }},
    {"posterize", [](Pixels p, double a, auto&) { posterize(p, static_cast<int>(a)); }},
    {"solarize", [](Pixels p, double a, auto&) { solarize(p, static_cast<int>(a)); }},
    {"rotate", [](Pixels p, double a, auto& room) { rotate(p, a, kFill, room); }},
    {"shear_x",
     [](Pixels p, double a, auto& room) {
       affine(p, {1, a, 0, 0, 1, 0}, kFill, room);
     }},
    {"translate_y",
     [](Pixels p, double a, auto& room) {
       affine(p, {1, 0, 0, 0, 1, a}, kFill, room);
     }},
    {"flip_horizontal", [](Pixels p, double, auto&) { flip_horizontal(p); }},
    {"flip_vertical", [](Pixels p, double, auto&) { flip_vertical(p); }},
};

TEST(PixelOps, EqualPillow) {
  for (const Golden& g : kGolden) {
    Image a = noise(41, 30, 3);
    for (uint8_t& v : a.pixels) v = static_cast<uint8_t>(v * 3 / 5 + 60);
    std::vector<uint8_t> room;
    kOps.at(g.op)({a.pixels.data(), a.h, a.w, a.c}, g.argument, room);
    EXPECT_EQ(digest(a.pixels), g.pixels) << g.op << " " << g.argument;
  }
}

TEST(PixelOps, GreyPicturesAndTinyOnes) {
  for (auto [h, w] : {std::pair(1, 1), {1, 7}, {2, 2}, {9, 5}}) {
    for (int c : {1, 3}) {
      for (int op = 0; op < randaugment_count(); op++) {
        Image a = noise(h, w, c);
        std::vector<uint8_t> room;
        Random random(1, 2);
        randaugment_apply(op, {a.pixels.data(), h, w, c}, 0.9f, kFill, random, room);
        EXPECT_EQ(a.pixels.size(), size_t(h) * w * c) << randaugment_name(op);
      }
    }
  }
}

TEST(Preprocess, SizesAndCornersAreTimms) {
  struct Row {
    int h, w, size;
    float pct;
    Placement p;
  };
  // Worked out by hand from floor(size / pct), int(size * long / short) and Python's round half to even.
  for (const Row& r :
       {Row{288, 384, 128, 0.875f, {146, 194, 9, 33}}, Row{375, 500, 224, 0.875f, {256, 341, 16, 58}},
        Row{500, 375, 224, 0.8f, {373, 280, 74, 28}}, Row{32, 32, 32, 1.f, {32, 32, 0, 0}}, Row{7, 5, 5, 1.f, {7, 5, 1, 0}},
        Row{8, 5, 5, 1.f, {8, 5, 2, 0}}, Row{1, 10000, 224, 0.875f, {256, 2560000, 16, 1279888}}}) {
    Card card{.height = r.size, .width = r.size, .crop_pct = r.pct};
    Placement p = place_for_card(r.h, r.w, card);
    EXPECT_EQ(std::tuple(p.h, p.w, p.y, p.x), std::tuple(r.p.h, r.p.w, r.p.y, r.p.x)) << r.h << "x" << r.w;
  }
  Card wide{.height = 100, .width = 200, .crop_pct = 1};
  Placement p = place_for_card(300, 300, wide);
  EXPECT_EQ(std::tuple(p.h, p.w, p.y, p.x), std::tuple(200, 200, 50, 0));
}

TEST(Preprocess, IsResizeThenCropThenScale) {
  Card card{.height = 24, .width = 24, .interpolation = "bilinear", .crop_pct = 0.8f};
  Image source = noise(50, 41, 3), whole = resize(view(source), 36, 30, Filter::bilinear);
  std::vector<float> out(24 * 24 * 3);
  preprocess(source, card, out.data());
  for (int y = 0; y < 24; y++) {
    for (int i = 0; i < 72; i++) {
      float v = static_cast<float>(whole.pixels[((6 + y) * 30 + 3) * 3 + i]);
      ASSERT_EQ(out[y * 72 + i], (v / 255.f - card.mean[i % 3]) / card.std[i % 3]);
    }
  }
}

TEST(Preprocess, GreyToColourAndBack) {
  Image colour{1, 2, 3, {255, 0, 0, 10, 20, 30}}, grey{1, 2, 1, {7, 200}};
  Card one{.height = 1, .width = 1, .channels = 1, .mean = {0}, .std = {1 / 255.f}, .crop_pct = 1}, three = one;
  three.channels = 3;
  for (int i = 0; i < 3; i++) three.mean[i] = 0, three.std[i] = 1 / 255.f;
  float out[3];
  preprocess({1, 1, 3, {255, 0, 0}}, one, out);
  EXPECT_NEAR(out[0], 76, 1e-4);  // Pillow: Image.new("RGB", (1, 1), (255, 0, 0)).convert("L")
  preprocess({1, 1, 3, {10, 20, 30}}, one, out);
  EXPECT_NEAR(out[0], 18, 1e-4);
  preprocess({1, 1, 1, {200}}, three, out);
  for (float v : out) EXPECT_NEAR(v, 200, 1e-3);
}

TEST(Preprocess, WrongCards) {
  for (const Card& card : {Card{.height = 0}, Card{.width = 100000}, Card{.channels = 2}, Card{.crop_pct = 0},
                           Card{.crop_pct = 1.5f}, Card{.interpolation = "area"}})
    expect_error(error_of([&] { Preprocessor{card}; }), Code::usage, {"got"});
}

Card plain_card(int h, int w, int c = 3) {
  Card card{.height = h, .width = w, .channels = c, .crop_pct = 1};
  for (int i = 0; i < 3; i++) card.mean[i] = 0, card.std[i] = 1 / 255.f;
  return card;
}

// Pixels as integers after augmentation of a picture that is large enough for the card.
std::vector<int> augmented(const Image& a, const Augment& augment, uint64_t stream, int h, int w) {
  std::vector<float> out(size_t(h) * w * a.c);
  Random random(9, stream);
  Augmenter(plain_card(h, w, a.c), augment).make(view(a), random, out.data());
  std::vector<int> whole;
  for (float v : out) whole.push_back(static_cast<int>(std::lround(v)));
  return whole;
}

TEST(Augment, OffIsPreprocessing) {
  Image a = noise(32, 32, 3);
  EXPECT_EQ(augmented(a, {}, 0, 32, 32), std::vector<int>(a.pixels.begin(), a.pixels.end()));
}

// Every draw is the picture moved by -2..2 both ways, with what the padding says around it, and all 25 come up.
TEST(Augment, PaddedCrop) {
  const int n = 6, pad = 2;
  Image a = noise(n, n, 1);
  for (bool reflect : {false, true}) {
    auto at = [&](int y, int x) {
      auto mirror = [](int i) { return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i; };
      bool inside = y >= 0 && y < n && x >= 0 && x < n;
      return !inside && !reflect ? 0 : int{a.pixels[size_t(mirror(y)) * n + mirror(x)]};
    };
    std::set<std::pair<int, int>> seen;
    for (uint64_t stream = 0; stream < 400; stream++) {
      std::vector<int> got = augmented(a, {.pad = pad, .reflect = reflect}, stream, n, n);
      int matches = 0;
      for (int dy = -pad; dy <= pad; dy++) {
        for (int dx = -pad; dx <= pad; dx++) {
          std::vector<int> want;
          for (int i = 0; i < n * n; i++) want.push_back(at(i / n + dy, i % n + dx));
          if (want == got) matches++, seen.insert({dy, dx});
        }
      }
      ASSERT_EQ(matches, 1) << stream;
    }
    EXPECT_EQ(seen.size(), 25u);
  }
}

TEST(Augment, FlipsHalfTheTime) {
  Image a = noise(4, 4, 3);
  std::vector<int> same(a.pixels.begin(), a.pixels.end()), flipped = same;
  for (int y = 0; y < 4; y++) {
    for (int i = 0; i < 12; i++) flipped[y * 12 + i] = a.pixels[y * 12 + (3 - i / 3) * 3 + i % 3];
  }
  int flips = 0;
  for (uint64_t stream = 0; stream < 1000; stream++) {
    std::vector<int> got = augmented(a, {.hflip = 0.5f}, stream, 4, 4);
    ASSERT_TRUE(got == same || got == flipped);
    flips += got == flipped;
  }
  EXPECT_NEAR(flips, 500, 80);  // 5 standard deviations
}

TEST(Augment, CropBoxesHaveTheirAreaAndAspect) {
  Augment a{.scale_min = 0.2f, .scale_max = 0.9f};
  double sum = 0;
  for (uint64_t stream = 0; stream < 2000; stream++) {
    Random random(1, stream);
    Box b = random_crop_box(200, 300, a, random);
    ASSERT_TRUE(b.y >= 0 && b.x >= 0 && b.h > 0 && b.w > 0 && b.y + b.h <= 200 && b.x + b.w <= 300);
    double area = b.h * b.w / 60000.0, aspect = static_cast<double>(b.w) / b.h;
    ASSERT_GT(area, 0.19);
    ASSERT_LT(area, 0.91);
    ASSERT_GT(aspect, 0.73);
    ASSERT_LT(aspect, 1.36);
    sum += area;
  }
  EXPECT_NEAR(sum / 2000, 0.5, 0.05);
  Random random(1, 1);
  Box strip = random_crop_box(10, 1000, a, random);  // nothing fits: the centre, at the widest allowed aspect
  EXPECT_EQ(std::tuple(strip.y, strip.x, strip.h, strip.w), std::tuple(0, 493, 10, 13));
}

TEST(Augment, ResizedCropIsTheBoxResized) {
  Image a = noise(40, 50, 3);
  Augment augment{.scale_min = 0.3f, .scale_max = 0.6f};
  Random random(9, 4);
  Box b = random_crop_box(40, 50, augment, random);
  Image want = resize(crop(view(a), b.y, b.x, b.h, b.w), 16, 16, Filter::bicubic);
  EXPECT_EQ(augmented(a, augment, 4, 16, 16), std::vector<int>(want.pixels.begin(), want.pixels.end()));
}

TEST(Augment, JitterStaysInItsRange) {
  Image a{1, 1, 3, {100, 100, 100}};
  int low = 255, high = 0;
  for (uint64_t stream = 0; stream < 500; stream++) {
    std::vector<int> got = augmented(a, {.brightness = 0.4f}, stream, 1, 1);
    low = std::min(low, got[0]), high = std::max(high, got[0]);
  }
  EXPECT_GE(low, 60);
  EXPECT_LE(low, 62);
  EXPECT_LE(high, 140);
  EXPECT_GE(high, 138);
  Image b = noise(8, 8, 3);
  EXPECT_NE(augmented(b, {.hue = 0.5f}, 1, 8, 8), std::vector<int>(b.pixels.begin(), b.pixels.end()));
}

TEST(Augment, RandAugmentUsesItsWholeList) {
  Image a = noise(16, 16, 3);
  std::vector<int> same(a.pixels.begin(), a.pixels.end());
  std::set<std::vector<int>> results;
  int untouched = 0;
  for (uint64_t stream = 0; stream < 600; stream++) {
    std::vector<int> got = augmented(a, {.randaugment = 1, .magnitude_std = 0}, stream, 16, 16);
    untouched += got == same;
    results.insert(got);
  }
  // Half are left alone; at fixed strength each operation has one or two outcomes. Noise is already of full contrast.
  EXPECT_NEAR(untouched, 320, 70);
  EXPECT_GE(results.size(), 20u);
}

TEST(Augment, ErasingCoversItsShare) {
  Augment a{.erase = 1, .erase_min = 0.1f, .erase_max = 0.3f};
  double sum = 0;
  for (uint64_t stream = 0; stream < 500; stream++) {
    std::vector<float> image(64 * 48 * 3, 5.f);
    Random random(3, stream);
    erase(image.data(), 64, 48, 3, a, random);
    auto zeros = std::count(image.begin(), image.end(), 0.f);
    ASSERT_EQ(zeros + std::count(image.begin(), image.end(), 5.f), 64 * 48 * 3);
    sum += static_cast<double>(zeros) / (64 * 48 * 3);
  }
  EXPECT_NEAR(sum / 500, 0.2, 0.02);
  a.erase = 0.25f;
  int erased = 0;
  for (uint64_t stream = 0; stream < 1000; stream++) {
    std::vector<float> image(64 * 48, 5.f);
    Random random(3, stream);
    erase(image.data(), 64, 48, 1, a, random);
    erased += std::count(image.begin(), image.end(), 0.f) > 0;
  }
  EXPECT_NEAR(erased, 250, 70);
}

TEST(Augment, CutoutIsASquareCutAtTheBorder) {
  int whole = 0, cut = 0;
  for (uint64_t stream = 0; stream < 300; stream++) {
    Random random(2, stream);
    Box b = random_square(20, 30, 8, random);
    ASSERT_TRUE(b.y >= 0 && b.x >= 0 && b.y + b.h <= 20 && b.x + b.w <= 30);
    ASSERT_TRUE(b.h >= 4 && b.w >= 4 && b.h <= 8 && b.w <= 8);
    whole += b.h == 8 && b.w == 8, cut += b.h < 8;
    std::vector<float> image(20 * 30, 1.f);
    Random same(2, stream);
    erase(image.data(), 20, 30, 1, {.cutout = 8}, same);
    ASSERT_EQ(std::count(image.begin(), image.end(), 0.f), b.h * b.w);
    ASSERT_EQ(image[static_cast<size_t>(b.y * 30 + b.x)], 0.f);
  }
  EXPECT_GT(whole, 100);
  EXPECT_GT(cut, 60);
}

TEST(Augment, WrongValues) {
  for (const Augment& a : {Augment{.pad = -1}, Augment{.scale_min = 0}, Augment{.scale_min = 0.9f, .scale_max = 0.5f},
                           Augment{.hflip = 1.1f}, Augment{.hue = 0.6f}, Augment{.magnitude = 11}, Augment{.erase = NAN},
                           Augment{.mixup = -1}, Augment{.label_smoothing = 1}})
    expect_error(error_of([&] { check(a); }), Code::usage, {"got", "need"});
  EXPECT_EQ(error_of([] { check({}); }), "ok");
}

TEST(Mix, SoftTargets) {
  float t[4];
  soft_target(2, 4, 0.1f, t);
  EXPECT_FLOAT_EQ(t[0], 0.025f);
  EXPECT_FLOAT_EQ(t[2], 0.925f);
  soft_target(2, 4, 0, t);
  EXPECT_EQ(t[0], 0);
  EXPECT_EQ(t[2], 1);
  soft_target(-1, 4, 0.1f, t);
  for (float v : t) EXPECT_EQ(v, 0);
}

struct Pair {
  // Three pictures of 8x6x1 that hold 1, 2 and 3 everywhere; the middle one is its own partner.
  std::vector<float> images = std::vector<float>(3 * 48), targets = std::vector<float>(9);
  std::vector<int> labels = {0, 1, 2};
  Pair() {
    for (size_t i = 0; i < images.size(); i++) images[i] = static_cast<float>(i / 48 + 1);
    for (int i = 0; i < 3; i++) soft_target(i, 3, 0, &targets[i * 3]);
  }
  void mix(const Mix& m) { mix_batch(m, 3, 8, 6, 1, 3, labels.data(), images.data(), targets.data()); }
};

TEST(Mix, MixupBlendsPixelsAndTargetsAlike) {
  Pair p;
  p.mix({MixKind::mixup, 0.75f, {}});
  EXPECT_EQ(p.images[0], 1.5f);
  EXPECT_EQ(p.images[48], 2.f);
  EXPECT_EQ(p.images[96], 2.5f);
  EXPECT_EQ(p.targets, (std::vector<float>{0.75f, 0, 0.25f, 0, 1, 0, 0.25f, 0, 0.75f}));
}

// The target weight is the share of pixels, also where the box sticks out of the picture.
TEST(Mix, CutMixTargetsAreAreas) {
  int cut_off = 0;
  for (uint64_t stream = 0; stream < 300; stream++) {
    Pair p;
    Random random(5, stream);
    Mix m = draw_mix({.cutmix = 1}, 8, 6, random);
    ASSERT_EQ(m.kind, MixKind::cutmix);
    p.mix(m);
    float own = static_cast<float>(std::count(p.images.begin(), p.images.begin() + 48, 1.f)) / 48;
    ASSERT_NEAR(p.targets[0], own, 1e-6);
    ASSERT_NEAR(p.targets[2], 1 - own, 1e-6);
    ASSERT_NEAR(p.targets[6], 1 - own, 1e-6);
    cut_off += m.box.y == 0 && m.box.h > 0;
  }
  EXPECT_GT(cut_off, 30);
}

TEST(Mix, EdgesOfLambdaAndEmptyPlaces) {  // TR16
  for (float lambda : {0.f, 1.f}) {
    Pair p;
    p.mix({MixKind::mixup, lambda, {}});
    EXPECT_EQ(p.images[0], lambda == 1 ? 1 : 3);
    EXPECT_EQ(p.targets[0], lambda);
  }
  Pair p, q;
  p.labels[2] = q.labels[2] = -1;
  p.mix({MixKind::mixup, 0.5f, {}});
  EXPECT_EQ(p.images, q.images);
  EXPECT_EQ(p.targets, q.targets);
}

TEST(Mix, DrawsFollowTheProbabilities) {
  int none = 0, cut = 0;
  double sum = 0;
  for (uint64_t stream = 0; stream < 2000; stream++) {
    Random random(6, stream);
    Mix m = draw_mix({.mixup = 0.8f, .cutmix = 1, .mix_prob = 0.5f, .mix_switch = 0.25f}, 32, 32, random);
    none += m.kind == MixKind::none, cut += m.kind == MixKind::cutmix;
    Random again(7, stream);
    sum += draw_mix({.mixup = 0.2f}, 32, 32, again).lambda;
  }
  EXPECT_NEAR(none, 1000, 110);
  EXPECT_NEAR(cut, 250, 75);
  EXPECT_NEAR(sum / 2000, 0.5, 0.05);
  Random random(1, 1);
  EXPECT_EQ(draw_mix({}, 32, 32, random).kind, MixKind::none);
}

}  // namespace
}  // namespace fovea
