// The preprocessing that most ImageNet models share.
#pragma once
#include "base/card.h"

namespace fovea {

// mean and std of ImageNet's pixels (Card's default)
inline Card imagenet_card(int size = 224, float crop = 0.875f, const char* interpolation = "bicubic") {
  return {.height = size, .width = size, .interpolation = interpolation, .crop_pct = crop};
}
// pixels in -1..1
inline Card half_card(int size = 224, float crop = 0.875f, const char* interpolation = "bicubic") {
  return {.height = size,
          .width = size,
          .mean = {0.5f, 0.5f, 0.5f},
          .std = {0.5f, 0.5f, 0.5f},
          .interpolation = interpolation,
          .crop_pct = crop};
}
// OpenAI CLIP's training pictures
inline Card clip_card(int size = 224, float crop = 0.875f) {
  return {.height = size,
          .width = size,
          .mean = {0.48145466f, 0.4578275f, 0.40821073f},
          .std = {0.26862954f, 0.26130258f, 0.27577711f},
          .interpolation = "bicubic",
          .crop_pct = crop};
}
// pixels in 0..1
inline Card unit_card(int size, float crop = 1, const char* interpolation = "bilinear") {
  return {
      .height = size, .width = size, .mean = {0, 0, 0}, .std = {1, 1, 1}, .interpolation = interpolation, .crop_pct = crop};
}
// 28x28 grey pixels with MNIST's own mean and spread
inline Card digits_card() {
  Card c = unit_card(28);
  c.channels = 1;
  for (float& v : c.mean) v = 0.1307f;
  for (float& v : c.std) v = 0.3081f;
  return c;
}

}  // namespace fovea
