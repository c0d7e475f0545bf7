// The elementary functions against double precision, over samples of every exponent, on every instruction set.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "kernels/guarded.h"
#include "kernels/isa/tables.h"

namespace fovea::kernels {
namespace {

struct Function {
  const char* name;
  Pw op;
  double (*exact)(double);
  double ulps;  // as promised in math.inl
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double rsqrt(double x) { return 1 / std::sqrt(x); }

const Function kFunctions[] = {
    {"exp", Pw::exp, std::exp, 1.1},      {"log", Pw::log, std::log, 1},       {"tanh", Pw::tanh, std::tanh, 5.7},
    {"sigmoid", Pw::sigmoid, sigmoid, 3}, {"erf", Pw::erf, std::erf, 5.8},     {"sin", Pw::sin, std::sin, 3},
    {"cos", Pw::cos, std::cos, 3},        {"sqrt", Pw::sqrt, std::sqrt, 0.51}, {"rsqrt", Pw::rsqrt, rsqrt, 1.5},
};

float from_bits(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

// Distance in units of the last place of the exact result (2^-149 at least).
double ulps(float got, double exact) {
  if (std::isnan(got) || std::isnan(exact)) return std::isnan(got) && std::isnan(exact) ? 0 : INFINITY;
  if (std::fabs(exact) >= 0x1.ffffffp127) return std::isinf(got) && (got > 0) == (exact > 0) ? 0 : INFINITY;
  if (std::isinf(got)) return std::fabs(exact) > 0x1.fffffep127 * (1 - 0x1p-23) ? 1 : INFINITY;
  int exponent = exact == 0 ? -149 : std::max(-149, std::ilogb(exact) - 23);
  return std::fabs(got - exact) / std::ldexp(1.0, exponent);
}

TEST(PointwiseMath, errors_are_within_the_stated_bounds) {
  const char* dense = std::getenv("FOVEA_TEST_DENSE");  // 1: all floats
  uint32_t step = dense ? static_cast<uint32_t>(std::atoi(dense)) : 4099;
  constexpr int kBatch = 4096;
  static float x[kBatch], y[kBatch];
  for (Isa isa : test::isas()) {
    for (const Function& f : kFunctions) {
      double worst = 0;
      float where = 0;
      for (uint64_t bits = 0; bits < (uint64_t{1} << 32);) {
        int n = 0;
        for (; n < kBatch && bits < (uint64_t{1} << 32); bits += step) x[n++] = from_bits(static_cast<uint32_t>(bits));
        FOVEA_TABLE(isa, pw).fn[static_cast<int>(f.op)][0](y, x, nullptr, nullptr, n);
        for (int i = 0; i < n; i++) {
          double error = ulps(y[i], f.exact(x[i]));
          if (error > worst) worst = error, where = x[i];
        }
      }
      EXPECT_LE(worst, f.ulps) << f.name << " on " << isa_name(isa) << " at " << where;
      RecordProperty((std::string(f.name) + "_" + isa_name(isa)).c_str(), std::to_string(worst));
      if (dense) printf("%-8s %-8s %.3f ulp at %.9g\n", f.name, isa_name(isa), worst, where);
    }
  }
}

TEST(PointwiseMath, special_values) {
  const float inf = INFINITY;
  struct Case {
    Pw op;
    float x, y;
  };
  const Case cases[] = {{Pw::exp, -inf, 0},
                        {Pw::exp, inf, inf},
                        {Pw::exp, 0, 1},
                        {Pw::exp, 89, inf},
                        {Pw::exp, -104, 0},
                        {Pw::log, 0, -inf},
                        {Pw::log, -0.0f, -inf},
                        {Pw::log, inf, inf},
                        {Pw::log, 1, 0},
                        {Pw::log, -1, NAN},
                        {Pw::tanh, -inf, -1},
                        {Pw::tanh, inf, 1},
                        {Pw::tanh, -0.0f, -0.0f},
                        {Pw::erf, -inf, -1},
                        {Pw::erf, inf, 1},
                        {Pw::erf, -0.0f, -0.0f},
                        {Pw::sigmoid, -inf, 0},
                        {Pw::sigmoid, inf, 1},
                        {Pw::sigmoid, 0, 0.5f},
                        {Pw::sin, inf, NAN},
                        {Pw::sin, -0.0f, -0.0f},
                        {Pw::cos, -inf, NAN},
                        {Pw::cos, 0, 1},
                        {Pw::relu, -inf, 0},
                        {Pw::round, 2.5f, 2},
                        {Pw::round, -0.4f, -0.0f},
                        {Pw::floor, -0.0f, -0.0f},
                        {Pw::floor, -0.5f, -1},
                        {Pw::round, 0x1p30f, 0x1p30f},
                        {Pw::floor, inf, inf},
                        {Pw::sign, NAN, 0}};
  for (Isa isa : test::isas()) {
    for (const Case& c : cases) {
      float y;
      FOVEA_TABLE(isa, pw).fn[static_cast<int>(c.op)][0](&y, &c.x, nullptr, nullptr, 1);
      if (std::isnan(c.y)) {
        EXPECT_TRUE(std::isnan(y)) << static_cast<int>(c.op) << " of " << c.x << " is " << y;
      } else {
        EXPECT_TRUE(y == c.y && std::signbit(y) == std::signbit(c.y))
            << isa_name(isa) << " op " << static_cast<int>(c.op) << " of " << c.x << " is " << y;
      }
    }
    for (Pw op : {Pw::exp, Pw::log, Pw::sqrt, Pw::rsqrt, Pw::tanh, Pw::erf, Pw::sigmoid, Pw::sin, Pw::cos, Pw::relu,
                  Pw::floor, Pw::round}) {
      float nan = NAN, y = 0;
      FOVEA_TABLE(isa, pw).fn[static_cast<int>(op)][0](&y, &nan, nullptr, nullptr, 1);
      EXPECT_TRUE(std::isnan(y)) << isa_name(isa) << " op " << static_cast<int>(op);
    }
  }
}

TEST(PointwiseMath, pow_is_libm) {
  const float a[] = {2, -2, 0, -8, 1.5f, 1e-30f, INFINITY, -1, 3}, b[] = {3, 3, 0, 0.5f, -2.5f, 1, -1, INFINITY, 0.333f};
  for (Isa isa : test::isas()) {
    float y[9];
    FOVEA_TABLE(isa, pw).fn[static_cast<int>(Pw::pow)][0](y, a, b, nullptr, 9);
    for (int i = 0; i < 9; i++)
      EXPECT_TRUE(ulps(y[i], std::pow(static_cast<double>(a[i]), static_cast<double>(b[i]))) <= 1) << a[i] << "^" << b[i];
  }
}

// Every op that chains have, between two others, against the same ops one by one.
TEST(PointwiseMath, a_chain_gives_the_bits_of_its_steps) {
  for (Isa isa : test::isas()) {
    const PwTable& table = FOVEA_TABLE(isa, pw);
    for (int op = 0; op < kPwOps; op++) {
      if (!PwLink::has(static_cast<Pw>(op))) continue;
      for (int64_t n : {1, 7, 16, 31, 128, 300}) {
        std::vector<float> a, b, step;
        for (int64_t i = 0; i < n; i++)
          a.push_back(0.1f * static_cast<float>(i % 83) - 3), b.push_back(1.5f - 0.3f * static_cast<float>(i % 7));
        test::Guarded ga(a), gb(b), two(16, test::Guarded::At::end, 2.0f), repeated(128), y(n), need(n);
        for (int i = 0; i < 128; i++) repeated[i] = static_cast<float>(i);
        auto apply = [&](Pw f, bool turned, float* x, const float* with, int scalar) {
          turned ? table.fn[static_cast<int>(f)][scalar ? 1 : 0](x, with, x, nullptr, n)
                 : table.fn[static_cast<int>(f)][scalar ? 2 : 0](x, x, with, nullptr, n);
        };
        const bool unary = static_cast<Pw>(op) < Pw::add;
        for (bool turned : {false, true}) {
          if (turned && static_cast<Pw>(op) != Pw::sub && static_cast<Pw>(op) != Pw::div) continue;
          PwLink links[] = {{two.data(), 0, PwLink::code_of(Pw::mul, false)},
                            {gb.data(), -1, PwLink::code_of(static_cast<Pw>(op), turned)},
                            {repeated.data(), 127, PwLink::code_of(Pw::add, false)}};
          table.chain(y.data(), ga.data(), links, 3, n);
          for (int64_t i = 0; i < n; i++) need[i] = ga[i];
          apply(Pw::mul, false, need.data(), two.data(), 1);
          unary ? table.fn[op][0](need.data(), need.data(), nullptr, nullptr, n)
                : apply(static_cast<Pw>(op), turned, need.data(), gb.data(), 0);
          for (int64_t i = 0; i < n; i++) need[i] += repeated[i % 128];
          for (int64_t i = 0; i < n; i++) {
            ASSERT_TRUE(need[i] == y[i] || (std::isnan(need[i]) && std::isnan(y[i])))
                << isa_name(isa) << " op " << op << " at " << i << " of " << n;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace fovea::kernels
