// Draws of a stream, many at once. Loops over arrays that the compiler turns into vectors, for three instruction sets.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>

#include "base/cpu.h"
#include "base/random.h"

namespace fovea {
namespace {

#define FOVEA_INLINE inline __attribute__((always_inline))

constexpr int kBlocks = 64;
struct Words {
  uint32_t of[4][kBlocks];  // [word of the block][block]
};

FOVEA_INLINE void words_body(uint64_t key, uint64_t stream, uint64_t first, Words& out) {
  for (int i = 0; i < kBlocks; i++) {
    std::array<uint32_t, 4> block = philox(key, stream, first + static_cast<uint64_t>(i));
    for (size_t w = 0; w < 4; w++) out.of[w][i] = block[w];
  }
}

// Of p in (0, 1], to about 1e-13: 2 artanh((m - 1) / (m + 1)) + k ln 2 where p = m 2^k and m is near 1.
FOVEA_INLINE double logarithm(double p) {
  constexpr uint64_t kRootHalf = 0x3FE6A09E667F3BCD, kBias = 64;
  uint64_t x = std::bit_cast<uint64_t>(p) - kRootHalf + (kBias << 52);
  double k = static_cast<int32_t>(x >> 52) - static_cast<int32_t>(kBias);
  double f = std::bit_cast<double>((x & 0xFFFFFFFFFFFFF) + kRootHalf) - 1, s = f / (2 + f), z = s * s;
  double y = 1 / 15.;
  for (int d = 13; d >= 1; d -= 2) y = y * z + 1. / d;
  return k * std::numbers::ln2 + 2 * s * y;
}

// Of x in [0, 2 pi], to about 1e-12 of itself unless `rest`, the distance to a multiple of pi / 2, is tiny. Taylor's series.
FOVEA_INLINE double cosine(double x, double& rest) {
  // NOLINTNEXTLINE(bugprone-incorrect-roundings): x is not negative
  int32_t quarters = static_cast<int32_t>(x * (2 / std::numbers::pi) + 0.5);
  double r = (x - quarters * 0x1.921fb544p+0) - quarters * 0x1.0b4611a626331p-34;  // pi / 2 = a part of 33 bits + the rest
  double z = r * r, s = 1 / 6227020800., c = 1 / 479001600.;
  for (double factorial : {-39916800., 362880., -5040., 120., -6., 1.}) s = s * z + 1 / factorial;
  for (double factorial : {-3628800., 40320., -720., 24., -2., 1.}) c = c * z + 1 / factorial;
  double odd = quarters & 1, sign = 1 - ((quarters + 1) & 2);
  rest = std::fabs(r);
  return sign * (odd * (s * r) + (1 - odd) * c);
}

// Box-Muller of pairs of words, two values a block. `doubtful`: the error might have changed how the value was rounded.
struct Normals {
  float of[2][kBlocks];
  uint8_t doubtful[2][kBlocks];
};

FOVEA_INLINE void normals_body(const Words& words, Normals& out) {
  constexpr double kError = 0x1p-36;
  for (int half = 0; half < 2; half++) {
    const uint32_t *a = words.of[2 * half], *b = words.of[2 * half + 1];
    float* to = out.of[half];
    uint8_t* doubtful = out.doubtful[half];
    for (int i = 0; i < kBlocks; i++) {
      double rest, p = (a[i] + 1.0) * 0x1p-32, angle = 2 * std::numbers::pi * ((b[i] + 1.0) * 0x1p-32);
      double v = __builtin_sqrt(-2 * logarithm(p)) * cosine(angle, rest);
      to[i] = static_cast<float>(v * (1 - kError));
      doubtful[i] = (to[i] != static_cast<float>(v * (1 + kError))) | (rest < 1e-8);
    }
  }
}

#define FOVEA_DRAWS(suffix, target)                                                                                \
  target void words_##suffix(uint64_t k, uint64_t s, uint64_t first, Words& out) { words_body(k, s, first, out); } \
  target void normals_##suffix(const Words& words, Normals& out) { normals_body(words, out); }
FOVEA_DRAWS(portable, )
#if defined(__x86_64__)
FOVEA_DRAWS(avx2, __attribute__((target("avx2,fma"))))
FOVEA_DRAWS(avx512, __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))))
#endif

struct Draws {
  void (*words)(uint64_t, uint64_t, uint64_t, Words&) = words_portable;
  void (*normals)(const Words&, Normals&) = normals_portable;
};

Draws choose_draws() {
#if defined(__x86_64__)
  if (active_isa() >= Isa::avx512) return {words_avx512, normals_avx512};
  if (active_isa() >= Isa::avx2) return {words_avx2, normals_avx2};
#endif
  return {};
}

void settle(const Words& words, Normals& normals) {
  for (size_t half = 0; half < 2; half++)
    for (size_t i = 0; i < kBlocks; i++)
      if (normals.doubtful[half][i]) normals.of[half][i] = normal_of(words.of[2 * half][i], words.of[2 * half + 1][i]);
}

}  // namespace

void draw_bits(uint64_t key, uint64_t stream, uint64_t first, std::span<uint32_t> out) {
  const Draws draws = choose_draws();
  Words words;
  for (size_t at = 0; at < out.size(); at += 4 * kBlocks) {
    draws.words(key, stream, (first + at) / 4, words);
    size_t n = std::min<size_t>(4 * kBlocks, out.size() - at);
    for (size_t i = 0; i < n; i++) out[at + i] = words.of[i % 4][i / 4];
  }
}

void draw_normals(uint64_t key, uint64_t stream, uint64_t first, std::span<float> out) {
  const Draws draws = choose_draws();
  Words words;
  Normals normals;
  for (size_t at = 0; at < out.size(); at += 2 * kBlocks) {
    draws.words(key, stream, (first + at) / 2, words);
    draws.normals(words, normals);
    if (std::memchr(normals.doubtful, 1, sizeof normals.doubtful)) settle(words, normals);
    float pairs[2 * kBlocks];
    for (size_t i = 0; i < kBlocks; i++) pairs[2 * i] = normals.of[0][i], pairs[2 * i + 1] = normals.of[1][i];
    std::copy_n(pairs, std::min<size_t>(2 * kBlocks, out.size() - at), &out[at]);
  }
}

}  // namespace fovea
