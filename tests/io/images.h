// Pictures made of noise, the same ones as in tools/golden_images.py, and what tests compare them by.
#pragma once
#include <string>

#include "base/atomic_file.h"
#include "base/checksum.h"
#include "base/random.h"
#include "io/image.h"

namespace fovea {

inline Image noise(int h, int w, int c, uint64_t seed = 0) {
  Image a{h, w, c, std::vector<uint8_t>(size_t(h) * w * c)};
  for (size_t i = 0; i < a.pixels.size(); i++) a.pixels[i] = static_cast<uint8_t>(splitmix(seed * 1000003 + i));
  return a;
}

// A picture that JPEG keeps nearly: slow waves.
inline Image waves(int h, int w) {
  Image a{h, w, 3, std::vector<uint8_t>(size_t(h) * w * 3)};
  for (int y = 0; y < h; y++) {
    for (int x = 0; x < w; x++) {
      uint8_t* p = &a.pixels[(size_t(y) * w + x) * 3];
      p[0] = static_cast<uint8_t>(255 * x / w), p[1] = static_cast<uint8_t>(255 * y / h),
      p[2] = static_cast<uint8_t>(128 + 100 * x * y / (w * h));
    }
  }
  return a;
}

inline std::string digest(const std::vector<uint8_t>& bytes) {
  return sha256_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()}).substr(0, 16);
}

inline std::string sample_file(const std::string& name) { return "tests/fuzz/corpus/fuzz_image/" + name; }

}  // namespace fovea
