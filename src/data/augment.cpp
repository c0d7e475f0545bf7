#include "data/augment.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "data/pixel_ops.h"
#include "data/randaugment.h"

namespace fovea {
namespace {

void check_range(const char* name, float value, float low, float high) {
  if (!(value >= low && value <= high)) fail(Code::usage, "{}: got {}, need {} to {}", name, value, low, high);
}

// torchvision's jitter: the four changes in a random order.
void color_jitter(Pixels p, const Augment& a, Random& random) {
  int order[4] = {0, 1, 2, 3};
  for (int i = 3; i > 0; i--) std::swap(order[i], order[random.below(static_cast<uint32_t>(i) + 1)]);
  auto factor = [&](float range) { return random.uniform(std::max(0.f, 1 - range), 1 + range); };
  for (int change : order) {
    if (change == 0 && a.brightness > 0) adjust_brightness(p, factor(a.brightness));
    if (change == 1 && a.contrast > 0) adjust_contrast(p, factor(a.contrast));
    if (change == 2 && a.saturation > 0) adjust_saturation(p, factor(a.saturation));
    if (change == 3 && a.hue > 0) adjust_hue(p, random.uniform(-a.hue, a.hue));
  }
}

// Where a padded row or column comes from; -1: from nowhere, it is black.
int padded_source(int i, int n, bool reflect) {
  if (i >= 0 && i < n) return i;
  if (!reflect || n == 1) return -1;
  i = std::abs(i) % (2 * (n - 1));
  return i < n ? i : 2 * (n - 1) - i;
}

}  // namespace

void check(const Augment& a) {
  check_range("pad", static_cast<float>(a.pad), 0, 1024);
  check_range("scale_min", a.scale_min, 1e-4f, 1);
  check_range("scale_max", a.scale_max, a.scale_min, 1);
  check_range("ratio_min", a.ratio_min, 0.01f, 100);
  check_range("ratio_max", a.ratio_max, a.ratio_min, 100);
  check_range("hflip", a.hflip, 0, 1);
  check_range("vflip", a.vflip, 0, 1);
  check_range("brightness", a.brightness, 0, 100);
  check_range("contrast", a.contrast, 0, 100);
  check_range("saturation", a.saturation, 0, 100);
  check_range("hue", a.hue, 0, 0.5f);
  check_range("randaugment", static_cast<float>(a.randaugment), 0, 100);
  check_range("magnitude", a.magnitude, 0, 10);
  check_range("magnitude_std", a.magnitude_std, 0, 100);
  check_range("randaugment_prob", a.randaugment_prob, 0, 1);
  check_range("cutout", static_cast<float>(a.cutout), 0, 65536);
  check_range("erase", a.erase, 0, 1);
  check_range("erase_min", a.erase_min, 0, 1);
  check_range("erase_max", a.erase_max, a.erase_min, 1);
  check_range("mixup", a.mixup, 0, 100);
  check_range("cutmix", a.cutmix, 0, 100);
  check_range("mix_prob", a.mix_prob, 0, 1);
  check_range("mix_switch", a.mix_switch, 0, 1);
  check_range("label_smoothing", a.label_smoothing, 0, 0.999f);
}

Box random_crop_box(int h, int w, const Augment& a, Random& random) {
  double area = static_cast<double>(h) * w, low = std::log(a.ratio_min), high = std::log(a.ratio_max);
  for (int attempt = 0; attempt < 10; attempt++) {
    double target = area * random.uniform(a.scale_min, a.scale_max);
    double aspect = std::exp(low + (high - low) * random.uniform());
    int bw = static_cast<int>(std::nearbyint(std::sqrt(target * aspect)));
    int bh = static_cast<int>(std::nearbyint(std::sqrt(target / aspect)));
    if (bw < 1 || bh < 1 || bw > w || bh > h) continue;
    int y = static_cast<int>(random.below(static_cast<uint32_t>(h - bh + 1)));
    return {y, static_cast<int>(random.below(static_cast<uint32_t>(w - bw + 1))), bh, bw};
  }
  double aspect = static_cast<double>(w) / h;  // none fits: the largest central box of an allowed aspect
  int bw = w, bh = h;
  if (aspect < a.ratio_min) bh = std::min(h, static_cast<int>(std::nearbyint(w / static_cast<double>(a.ratio_min))));
  if (aspect > a.ratio_max) bw = std::min(w, static_cast<int>(std::nearbyint(h * static_cast<double>(a.ratio_max))));
  return {(h - bh) / 2, (w - bw) / 2, bh, bw};
}

Box random_erase_box(int h, int w, const Augment& a, Random& random) {
  double area = static_cast<double>(h) * w, limit = std::log(1 / 0.3);
  for (int attempt = 0; attempt < 10; attempt++) {
    double target = area * random.uniform(a.erase_min, a.erase_max), aspect = std::exp(limit * random.uniform(-1, 1));
    int bh = static_cast<int>(std::nearbyint(std::sqrt(target * aspect)));
    int bw = static_cast<int>(std::nearbyint(std::sqrt(target / aspect)));
    if (bh >= h || bw >= w) continue;
    int y = static_cast<int>(random.below(static_cast<uint32_t>(h - bh + 1)));
    return {y, static_cast<int>(random.below(static_cast<uint32_t>(w - bw + 1))), bh, bw};
  }
  return {0, 0, 0, 0};
}

Box random_square(int h, int w, int side, Random& random) {
  int top = static_cast<int>(random.below(static_cast<uint32_t>(h))) - side / 2;
  int left = static_cast<int>(random.below(static_cast<uint32_t>(w))) - side / 2;
  int y = std::max(top, 0), x = std::max(left, 0);
  return {y, x, std::min(top + side, h) - y, std::min(left + side, w) - x};
}

static void erase_box(float* image, int w, int c, const Box& b, const Augment& a, Random& random) {
  for (int y = b.y; y < b.y + b.h; y++) {
    float* row = image + (int64_t{y} * w + b.x) * c;
    for (int i = 0; i < b.w * c; i++) row[i] = a.erase_noise ? random.normal() : 0.f;
  }
}

void erase(float* image, int h, int w, int c, const Augment& a, Random& random) {
  if (a.erase > 0 && random.uniform() < a.erase) erase_box(image, w, c, random_erase_box(h, w, a, random), a, random);
  if (a.cutout > 0) erase_box(image, w, c, random_square(h, w, a.cutout, random), a, random);
}

Augmenter::Augmenter(const Card& card, const Augment& augment) : card_(card), augment_(augment), base_(card) {
  check(augment);
  pixels_.resize(size_t(card.height) * card.width * card.channels);
}

void Augmenter::resized_crop(ImageView image, Random& random) {
  Box b = random_crop_box(image.h, image.w, augment_, random);
  base_.resizer().resize(crop(image, b.y, b.x, b.h, b.w), card_.height, card_.width, base_.filter(), 0, 0, card_.height,
                         card_.width, pixels_.data());
}

// A window of the card's size somewhere in the picture with `pad` more pixels on every side.
void Augmenter::padded_crop(Random& random) {
  const int pad = augment_.pad, h = card_.height, w = card_.width, c = card_.channels;
  int top = static_cast<int>(random.below(2u * static_cast<uint32_t>(pad) + 1)) - pad;
  int left = static_cast<int>(random.below(2u * static_cast<uint32_t>(pad) + 1)) - pad;
  spare_.swap(pixels_);
  pixels_.assign(spare_.size(), 0);
  int begin = std::clamp(-left, 0, w), end = std::clamp(w - left, 0, w);  // the columns that the picture itself covers
  for (int y = 0; y < h; y++) {
    int from_y = padded_source(y + top, h, augment_.reflect);
    if (from_y < 0) continue;
    const uint8_t* from = &spare_[size_t(from_y) * w * c];
    uint8_t* to = &pixels_[size_t(y) * w * c];
    if (end > begin) std::memcpy(to + begin * c, from + (begin + left) * c, size_t(end - begin) * c);
    for (int x = 0; augment_.reflect && x < w; x++) {
      if (x == begin && end > begin) x = end;
      int from_x = x < w ? padded_source(x + left, w, true) : -1;
      if (from_x >= 0) std::memcpy(to + x * c, from + from_x * c, c);
    }
  }
}

void Augmenter::place(ImageView image, Random& random) {
  if (augment_.scale_min < 1 || augment_.scale_max < 1) {
    resized_crop(image, random);
  } else {
    base_.window(image, pixels_.data());
    if (augment_.pad > 0) padded_crop(random);
  }
}

void Augmenter::make(ImageView image, Random& random, float* out) {
  const Augment& a = augment_;
  place(base_.with_channels(image), random);
  Pixels p{pixels_.data(), card_.height, card_.width, card_.channels};
  if (a.hflip > 0 && random.uniform() < a.hflip) flip_horizontal(p);
  if (a.vflip > 0 && random.uniform() < a.vflip) flip_vertical(p);
  if (a.brightness > 0 || a.contrast > 0 || a.saturation > 0 || a.hue > 0) color_jitter(p, a, random);
  if (a.randaugment > 0) {
    uint8_t mean[3];
    for (int i = 0; i < 3; i++) mean[i] = static_cast<uint8_t>(std::clamp(std::nearbyint(255 * card_.mean[i]), 0.f, 255.f));
    randaugment(p, a, mean, random, spare_);
  }
  base_.normalize(pixels_.data(), out);
  erase(out, card_.height, card_.width, card_.channels, a, random);
}

}  // namespace fovea
