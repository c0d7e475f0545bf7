#include "base/random.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <set>
#include <vector>

#include "base/cpu.h"

namespace fovea {
namespace {

using Block = std::array<uint32_t, 4>;

// The three known answers of philox4x32-10 that come with Random123.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox(0, 0, 0), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox(~0ull, ~0ull, ~0ull), (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, IsTheCounterInOrder) {
  Random r(5, 9);
  for (uint64_t block = 0; block < 3; block++) {
    for (uint32_t word : philox(5, 9, block)) EXPECT_EQ(r.bits(), word);
  }
}

// Many draws at once are the ones made one by one, bit for bit, on every instruction set.
TEST(Random, ManyAtOnceAreTheSame) {
  const Isa best = active_isa();
  for (Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) {
    if (isa > best) continue;
    force_isa(isa);
    for (uint64_t first : {0u, 4u, 256u, 4100u}) {
      constexpr size_t n = 100'003;
      std::vector<uint32_t> bits(n);
      std::vector<float> normals(n);
      draw_bits(5, 9, first, bits);
      draw_normals(5, 9, first, normals);
      Random words(5, 9), values(5, 9);
      for (uint64_t i = 0; i < first; i++) words.bits(), values.normal();
      for (size_t i = 0; i < n; i++) {
        ASSERT_EQ(words.bits(), bits[i]) << i;
        ASSERT_EQ(std::bit_cast<uint32_t>(values.normal()), std::bit_cast<uint32_t>(normals[i])) << i;
      }
    }
  }
  force_isa(best);
}

TEST(Random, StreamsAndKeysDiffer) {
  std::set<uint32_t> firsts;
  for (uint64_t key = 0; key < 20; key++) {
    for (uint64_t stream = 0; stream < 20; stream++) firsts.insert(Random(key, stream).bits());
  }
  EXPECT_EQ(firsts.size(), 400u);
}

TEST(Random, UnitFloatIsBelowOne) {
  EXPECT_EQ(unit_float(0), 0.f);
  EXPECT_LT(unit_float(~0u), 1.f);
  EXPECT_EQ(unit_float(1u << 31), 0.5f);
}

struct Moments {
  double mean = 0, variance = 0;
};

template <class F>
Moments moments(F draw, int n = 200'000) {
  Random r(7, 1);
  double sum = 0, squares = 0;
  for (int i = 0; i < n; i++) {
    double x = draw(r);
    sum += x, squares += x * x;
  }
  return {sum / n, squares / n - sum / n * (sum / n)};
}

TEST(Random, Below) {
  constexpr int kDraws = 60'000;
  std::vector<int> count(6);
  Random r(3, 3);
  for (int i = 0; i < kDraws; i++) count.at(r.below(6))++;
  double chi2 = 0;
  for (int c : count) chi2 += (c - kDraws / 6.) * (c - kDraws / 6.) / (kDraws / 6.);
  EXPECT_LT(chi2, 20.5);  // 5 degrees of freedom, p = 0.001
  EXPECT_EQ(r.below(1), 0u);
  // For 3 x 2^30, taking the high bits alone makes every third value twice as likely.
  int thirds = 0;
  for (int i = 0; i < kDraws; i++) thirds += r.below(3u << 30) % 3 == 0;
  EXPECT_NEAR(thirds, kDraws / 3., 600);
}

TEST(Random, Distributions) {
  Moments uniform = moments([](Random& r) { return r.uniform(-1, 3); });
  EXPECT_NEAR(uniform.mean, 1, 0.01);
  EXPECT_NEAR(uniform.variance, 16 / 12., 0.02);
  Moments normal = moments([](Random& r) { return r.normal(); });
  EXPECT_NEAR(normal.mean, 0, 0.01);
  EXPECT_NEAR(normal.variance, 1, 0.02);
  double tail = moments([](Random& r) { return std::abs(r.normal()) > 2.f; }).mean;
  EXPECT_NEAR(tail, std::erfc(std::sqrt(2.)), 0.002);
  for (float shape : {0.2f, 1.f, 4.5f}) {
    Moments gamma = moments([&](Random& r) { return r.gamma(shape); });
    EXPECT_NEAR(gamma.mean, shape, 0.02 * std::max(1.f, shape));
    EXPECT_NEAR(gamma.variance, shape, 0.04 * std::max(1.f, shape));
  }
}

TEST(Random, Beta) {
  for (auto [a, b] : {std::pair{0.2f, 0.2f}, {1.f, 1.f}, {2.f, 5.f}}) {
    Moments beta = moments([&](Random& r) { return r.beta(a, b); });
    double sum = a + b;
    EXPECT_NEAR(beta.mean, a / sum, 0.01);
    EXPECT_NEAR(beta.variance, a * b / (sum * sum * (sum + 1)), 0.005);
  }
  Moments extreme = moments([](Random& r) { return r.beta(1e-6f, 3e-6f); }, 20'000);  // 0 or 1, never NaN
  EXPECT_NEAR(extreme.mean, 0.25, 0.02);
}

TEST(Hash, KnownAnswers) {
  EXPECT_EQ(fnv1a(""), 0xCBF29CE484222325ull);
  EXPECT_EQ(fnv1a("a"), 0xAF63DC4C8601EC8Cull);
  EXPECT_EQ(fnv1a("foobar"), 0x85944171F73967E8ull);
  EXPECT_EQ(splitmix(0), 0xE220A8397B1DCDAFull);
}

}  // namespace
}  // namespace fovea
