// How a model wants its pictures: a plain value that models fill in and data loaders follow.
#pragma once
#include <string>

namespace fovea {

struct Card {
  int height = 224, width = 224;
  int channels = 3;                          // 1: grayscale
  float mean[3] = {0.485f, 0.456f, 0.406f};  // of pixels scaled to 0..1
  float std[3] = {0.229f, 0.224f, 0.225f};
  std::string interpolation = "bicubic";  // nearest, bilinear, bicubic, lanczos, box, hamming
  float crop_pct = 0.875f;                // resize the short side to floor(size / crop_pct), crop the centre
  bool round_size = false;                // scale by exactly size / crop_pct / short side, to the nearest pixels
};

}  // namespace fovea
