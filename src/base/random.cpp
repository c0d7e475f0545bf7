#include "base/random.h"

#include <cmath>
#include <numbers>

namespace fovea {
namespace {

// Uniform in (0, 1]: safe to take the logarithm of.
double positive(Random& r) { return (r.bits() + 1.0) * 0x1p-32; }

// In double, and rounded by the caller: the value then hardly depends on the machine's math library.
double draw_normal(Random& r) {
  double radius = std::sqrt(-2 * std::log(positive(r)));
  return radius * std::cos(2 * std::numbers::pi * positive(r));
}

double draw_gamma(Random& r, double shape) {
  if (shape < 1) {
    double boosted = draw_gamma(r, shape + 1);
    return boosted * std::pow(positive(r), 1 / shape);
  }
  double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    double x = draw_normal(r), v = 1 + c * x;
    if (v <= 0) continue;
    v = v * v * v;
    if (std::log(positive(r)) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

}  // namespace

std::array<uint32_t, 4> philox(uint64_t key, uint64_t counter_hi, uint64_t counter_lo) {
  auto low = [](uint64_t v) { return static_cast<uint32_t>(v); };
  auto high = [](uint64_t v) { return static_cast<uint32_t>(v >> 32); };
  std::array<uint32_t, 4> c = {low(counter_lo), high(counter_lo), low(counter_hi), high(counter_hi)};
  uint32_t k0 = low(key), k1 = high(key);
  for (int round = 0; round < 10; round++) {
    uint64_t a = uint64_t{0xD2511F53} * c[0], b = uint64_t{0xCD9E8D57} * c[2];
    c = {high(b) ^ c[1] ^ k0, low(b), high(a) ^ c[3] ^ k1, low(a)};
    k0 += 0x9E3779B9, k1 += 0xBB67AE85;
  }
  return c;
}

uint32_t Random::bits() {
  if (at_ % 4 == 0) block_ = philox(key_, stream_, at_ / 4);
  return block_[at_++ % 4];
}

// Lemire 2019: the high half of bits x n, redrawn in the few cases that would make some values more frequent.
uint32_t Random::below(uint32_t n) {
  uint64_t product = uint64_t{bits()} * n;
  if (static_cast<uint32_t>(product) < n) {
    uint32_t excess = -n % n;
    while (static_cast<uint32_t>(product) < excess) product = uint64_t{bits()} * n;
  }
  return static_cast<uint32_t>(product >> 32);
}

float Random::normal() { return static_cast<float>(draw_normal(*this)); }

float Random::gamma(float shape) { return static_cast<float>(draw_gamma(*this, shape)); }

float Random::beta(float a, float b) {
  double x = draw_gamma(*this, a), y = draw_gamma(*this, b);
  if (x + y == 0) return uniform() < a / (a + b) ? 1.f : 0.f;  // tiny shapes: both underflow, the mass is at the ends
  return static_cast<float>(x / (x + y));
}

}  // namespace fovea
