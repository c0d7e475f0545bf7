// A tiny data set on disk: striped pictures whose class is the direction of the stripes, with noise.
#pragma once
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/random.h"
#include "io/image.h"

namespace fovea {

// A folder of its own, gone at the end.
class ScratchFolder {
 public:
  explicit ScratchFolder(const std::string& name)
      : path_(std::filesystem::temp_directory_path() / ("fovea_" + name + "_" + std::to_string(getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline void write_stripes(const std::string& folder, const std::string& split, int per_class) {
  constexpr int kSide = 16;
  const char* names[] = {"down", "flat", "steep", "upright"};
  for (int c = 0; c < 4; c++) {
    std::string dir = folder + "/" + split + "/" + names[c];
    std::filesystem::create_directories(dir);
    for (int i = 0; i < per_class; i++) {
      Random random(fnv1a(split), static_cast<uint64_t>(c * 1000 + i));
      Image image{kSide, kSide, 3, std::vector<uint8_t>(kSide * kSide * 3)};
      float angle = static_cast<float>(c) * 0.785f, phase = random.uniform(0, 6.28f);
      for (int y = 0; y < kSide; y++)
        for (int x = 0; x < kSide; x++) {
          float wave =
              std::sin(phase + 1.2f * (std::cos(angle) * static_cast<float>(x) + std::sin(angle) * static_cast<float>(y)));
          for (int k = 0; k < 3; k++)
            image.pixels[static_cast<size_t>((y * kSide + x) * 3 + k)] =
                static_cast<uint8_t>(128 + 60 * wave + random.uniform(-50, 50));
        }
      std::string bytes = encode_png(view(image));
      std::ofstream(dir + "/" + std::to_string(i) + ".png", std::ios::binary) << bytes;
    }
  }
}

}  // namespace fovea
