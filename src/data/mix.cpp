#include "data/mix.h"

#include <algorithm>
#include <cmath>

namespace fovea {
namespace {

void blend_pair(float* a, float* b, int64_t n, float keep) {
  for (int64_t i = 0; i < n; i++) {
    float x = a[i], y = b[i];
    a[i] = keep * x + (1 - keep) * y;
    b[i] = keep * y + (1 - keep) * x;
  }
}

}  // namespace

Mix draw_mix(const Augment& a, int h, int w, Random& random) {
  if ((a.mixup <= 0 && a.cutmix <= 0) || random.uniform() >= a.mix_prob) return {};
  bool both = a.mixup > 0 && a.cutmix > 0, cut = both ? random.uniform() < a.mix_switch : a.cutmix > 0;
  float alpha = cut ? a.cutmix : a.mixup, lambda = random.beta(alpha, alpha);
  if (!cut) return {MixKind::mixup, lambda, {0, 0, 0, 0}};
  // The box has the share 1 - lambda of the area and its centre anywhere; what sticks out is cut, so lambda is counted
  // again.
  float side = std::sqrt(1 - lambda);
  int half_h = static_cast<int>(static_cast<float>(h) * side) / 2,
      half_w = static_cast<int>(static_cast<float>(w) * side) / 2;
  int cy = static_cast<int>(random.below(static_cast<uint32_t>(h))),
      cx = static_cast<int>(random.below(static_cast<uint32_t>(w)));
  int y0 = std::max(cy - half_h, 0), y1 = std::min(cy + half_h, h), x0 = std::max(cx - half_w, 0),
      x1 = std::min(cx + half_w, w);
  float area = static_cast<float>((y1 - y0) * (x1 - x0));
  return {MixKind::cutmix, 1 - area / (static_cast<float>(h) * static_cast<float>(w)), {y0, x0, y1 - y0, x1 - x0}};
}

void soft_target(int label, int classes, float smoothing, float* target) {
  float rest = smoothing / static_cast<float>(classes);
  std::fill_n(target, classes, label < 0 ? 0.f : rest);
  if (label >= 0) target[label] = 1 - smoothing + rest;
}

void mix_batch(const Mix& mix, int n, int h, int w, int c, int classes, const int* labels, float* images, float* targets) {
  if (mix.kind == MixKind::none) return;
  int64_t size = int64_t{h} * w * c;
  for (int i = 0; i < n / 2; i++) {
    int j = n - 1 - i;
    if (labels[i] < 0 || labels[j] < 0) continue;
    float *a = images + i * size, *b = images + j * size;
    if (mix.kind == MixKind::mixup) {
      blend_pair(a, b, size, mix.lambda);
    } else {
      for (int y = mix.box.y; y < mix.box.y + mix.box.h; y++) {
        int64_t at = (int64_t{y} * w + mix.box.x) * c;
        std::swap_ranges(a + at, a + at + int64_t{mix.box.w} * c, b + at);
      }
    }
    blend_pair(targets + int64_t{i} * classes, targets + int64_t{j} * classes, classes, mix.lambda);
  }
}

}  // namespace fovea
