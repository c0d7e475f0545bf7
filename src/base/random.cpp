#include "base/random.h"

#include <cmath>
#include <numbers>

namespace fovea {
namespace {

// Uniform in (0, 1]: safe to take the logarithm of.
double positive(uint32_t bits) { return (bits + 1.0) * 0x1p-32; }
double positive(Random& r) { return positive(r.bits()); }

// In double, and rounded by the caller: the value then hardly depends on the machine's math library.
double box_muller(uint32_t a, uint32_t b) {
  double radius = std::sqrt(-2 * std::log(positive(a)));
  return radius * std::cos(2 * std::numbers::pi * positive(b));
}

double draw_normal(Random& r) {
  uint32_t a = r.bits();
  return box_muller(a, r.bits());
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

float normal_of(uint32_t a, uint32_t b) { return static_cast<float>(box_muller(a, b)); }

float Random::normal() { return static_cast<float>(draw_normal(*this)); }

float Random::gamma(float shape) { return static_cast<float>(draw_gamma(*this, shape)); }

float Random::beta(float a, float b) {
  double x = draw_gamma(*this, a), y = draw_gamma(*this, b);
  if (x + y == 0) return uniform() < a / (a + b) ? 1.f : 0.f;  // tiny shapes: both underflow, the mass is at the ends
  return static_cast<float>(x / (x + y));
}

}  // namespace fovea
