// Counter-based random numbers (Philox 4x32-10; Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3")
// and the hashes that name things. A value is a function of (key, counter): nothing to save, no order to keep.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace fovea {

std::array<uint32_t, 4> philox(uint64_t key, uint64_t counter_hi, uint64_t counter_lo);

// 24 random bits as a float in [0, 1).
inline float unit_float(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }

// A stream of draws from one (key, stream): sample 7 of epoch 3, say. Cheap to make.
class Random {
 public:
  Random(uint64_t key, uint64_t stream) : key_(key), stream_(stream) {}
  uint32_t bits();
  float uniform() { return unit_float(bits()); }  // [0, 1)
  float uniform(float lo, float hi) { return lo + (hi - lo) * uniform(); }
  uint32_t below(uint32_t n);  // [0, n), n >= 1, unbiased
  float normal();              // Box-Muller
  float gamma(float shape);    // Marsaglia and Tsang
  float beta(float a, float b);

 private:
  uint64_t key_, stream_, at_ = 0;
  std::array<uint32_t, 4> block_{};
};

constexpr uint64_t fnv1a(std::string_view text, uint64_t h = 0xCBF29CE484222325ull) {
  for (char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
  return h;
}
constexpr uint64_t splitmix(uint64_t x) {
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

}  // namespace fovea
