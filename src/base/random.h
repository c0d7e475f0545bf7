// Counter-based random numbers (Philox 4x32-10; Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3")
// and the hashes that name things. A value is a function of (key, counter): nothing to save, no order to keep.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace fovea {

// Always inline, so that a loop over counters becomes vectors of the instruction set it is compiled for.
inline __attribute__((always_inline)) std::array<uint32_t, 4> philox(uint64_t key, uint64_t counter_hi,
                                                                     uint64_t counter_lo) {
  auto low = [](uint64_t v) { return static_cast<uint32_t>(v); };
  auto high = [](uint64_t v) { return static_cast<uint32_t>(v >> 32); };
  uint32_t c0 = low(counter_lo), c1 = high(counter_lo), c2 = low(counter_hi), c3 = high(counter_hi);
  uint32_t k0 = low(key), k1 = high(key);
#pragma GCC unroll 10
  for (int round = 0; round < 10; round++) {
    uint64_t a = uint64_t{0xD2511F53} * c0, b = uint64_t{0xCD9E8D57} * c2;
    c0 = high(b) ^ c1 ^ k0, c1 = low(b), c2 = high(a) ^ c3 ^ k1, c3 = low(a);
    k0 += 0x9E3779B9, k1 += 0xBB67AE85;
  }
  return {c0, c1, c2, c3};
}

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
  float normal();              // mean 0, deviation 1; Box-Muller
  float gamma(float shape);    // scale 1, so mean `shape`; Marsaglia and Tsang
  float beta(float a, float b);

 private:
  uint64_t key_, stream_, at_ = 0;
  std::array<uint32_t, 4> block_{};
};

// Box-Muller of two words, as Random::normal draws them.
float normal_of(uint32_t a, uint32_t b);

// The draws `first`, first + 1, ... of Random(key, stream) by bits(), or all by normal(): the same in every bit, much
// faster. `first` is a multiple of 4.
void draw_bits(uint64_t key, uint64_t stream, uint64_t first, std::span<uint32_t> out);
void draw_normals(uint64_t key, uint64_t stream, uint64_t first, std::span<float> out);

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
