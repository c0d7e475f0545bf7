// Row kernels against plain double loops: odd sizes, guard pages, in place, any number of threads.
#include "kernels/rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <random>

#include "kernels/guarded.h"

namespace fovea::kernels {
namespace {

using test::Guarded;
using Doubles = std::vector<double>;

std::vector<float> normal_values(int64_t n, unsigned seed, float mean = 0, float deviation = 1) {
  std::mt19937 rng(seed);
  std::normal_distribution<float> normal(mean, deviation);
  std::vector<float> v(static_cast<size_t>(n));
  for (float& x : v) x = normal(rng);
  return v;
}

void expect_near(const std::vector<float>& got, const Doubles& need, double tolerance, const char* what) {
  ASSERT_EQ(got.size(), need.size());
  for (size_t i = 0; i < need.size(); i++)
    ASSERT_NEAR(got[i], need[i], tolerance * (1 + std::fabs(need[i]))) << what << " at " << i;
}

// Runs once per ISA and thread count, each time with fresh output; checks that the bits never change within an ISA.
void each_way(int64_t size, const std::function<void(const Rows&, Pool&, float*)>& run,
              const std::function<void(const std::vector<float>&)>& check) {
  for (Isa isa : test::isas()) {
    std::vector<float> first;
    for (int threads : {1, 2, 3, 7}) {
      Pool pool(threads);
      Guarded y(size);
      run(Rows(isa), pool, y.data());
      if (first.empty()) first = y.values();
      std::vector<float> now = y.values();
      ASSERT_EQ(0, std::memcmp(first.data(), now.data(), now.size() * sizeof(float)))
          << isa_name(isa) << ", " << threads << " threads";
    }
    SCOPED_TRACE(isa_name(isa));
    check(first);
  }
}

struct Size {
  int64_t rows, cols;
};
const Size kSizes[] = {{1, 1},    {3, 2},   {5, 15},   {7, 16},   {4, 17},  {130, 96},
                       {70, 100}, {9, 768}, {2, 5000}, {3, 4097}, {700, 49}};

void stats(const float* x, int64_t n, double eps, double& mean, double& rstd) {
  double s = 0, q = 0;
  for (int64_t i = 0; i < n; i++) s += x[i];
  mean = s / static_cast<double>(n);
  for (int64_t i = 0; i < n; i++) q += (x[i] - mean) * (x[i] - mean);
  rstd = 1 / std::sqrt(q / static_cast<double>(n) + eps);
}

TEST(Rows, layer_norm) {
  for (auto [rows, cols] : kSizes) {
    for (bool affine : {true, false}) {
      auto x = normal_values(rows * cols, 1, 3, 2), gamma = normal_values(cols, 2, 1), beta = normal_values(cols, 3);
      Doubles need;
      for (int64_t r = 0; r < rows; r++) {
        double mean, rstd;
        stats(x.data() + r * cols, cols, 1e-5, mean, rstd);
        for (int64_t c = 0; c < cols; c++) {
          double v = (x[static_cast<size_t>(r * cols + c)] - mean) * rstd;
          need.push_back(affine ? v * gamma[static_cast<size_t>(c)] + beta[static_cast<size_t>(c)] : v);
        }
      }
      Guarded gx(x), gg(gamma), gb(beta);
      auto run = [&, rows = rows, cols = cols](const Rows& k, Pool& pool, float* y) {
        k.layer_norm(gx.data(), affine ? gg.data() : nullptr, affine ? gb.data() : nullptr, 1e-5f, y, rows, cols, pool);
      };
      each_way(rows * cols, run, [&](const std::vector<float>& y) { expect_near(y, need, 3e-6, "y"); });
      auto in_place = [&, rows = rows, cols = cols](const Rows& k, Pool& pool, float* y) {
        std::copy(x.begin(), x.end(), y);
        k.layer_norm(y, affine ? gg.data() : nullptr, affine ? gb.data() : nullptr, 1e-5f, y, rows, cols, pool);
      };
      each_way(rows * cols, in_place, [&](const std::vector<float>& y) { expect_near(y, need, 3e-6, "y in place"); });
    }
  }
}

TEST(Rows, layer_norm_backward) {
  for (auto [rows, cols] :
       {Size{1, 1}, Size{5, 15}, Size{130, 96}, Size{70, 100}, Size{9, 768}, Size{2, 5000}, Size{900, 130}}) {
    auto x = normal_values(rows * cols, 1, 3, 2), dy = normal_values(rows * cols, 4), gamma = normal_values(cols, 2, 1);
    Doubles need;
    for (int64_t r = 0; r < rows; r++) {
      double mean, rstd, g1 = 0, g2 = 0;
      const float *xr = x.data() + r * cols, *dr = dy.data() + r * cols;
      stats(xr, cols, 1e-5, mean, rstd);
      for (int64_t c = 0; c < cols; c++) {
        double g = static_cast<double>(dr[c]) * gamma[static_cast<size_t>(c)], n = (xr[c] - mean) * rstd;
        g1 += g / static_cast<double>(cols), g2 += g * n / static_cast<double>(cols);
      }
      for (int64_t c = 0; c < cols; c++)
        need.push_back(rstd *
                       (static_cast<double>(dr[c]) * gamma[static_cast<size_t>(c)] - g1 - (xr[c] - mean) * rstd * g2));
    }
    Guarded gx(x), gd(dy), gg(gamma);
    auto run = [&, rows = rows, cols = cols](const Rows& k, Pool& pool, float* y) {
      k.layer_norm_backward(gd.data(), gx.data(), gg.data(), 1e-5f, y, rows, cols, pool);
    };
    each_way(rows * cols, run, [&](const std::vector<float>& y) { expect_near(y, need, 1e-5, "dx"); });
  }
}

TEST(Rows, layer_norm_sums) {
  for (auto [rows, cols] : {Size{1, 1}, Size{5, 15}, Size{130, 96}, Size{70, 100}, Size{9, 768}, Size{3000, 40}}) {
    auto x = normal_values(rows * cols, 1, 3, 2), dy = normal_values(rows * cols, 4);
    Doubles need(static_cast<size_t>(2 * cols));
    for (int64_t r = 0; r < rows; r++) {
      double mean, rstd;
      stats(x.data() + r * cols, cols, 1e-5, mean, rstd);
      for (int64_t c = 0; c < cols; c++) {
        const double d = dy[static_cast<size_t>(r * cols + c)], v = x[static_cast<size_t>(r * cols + c)];
        need[static_cast<size_t>(c)] += d * (v - mean) * rstd, need[static_cast<size_t>(cols + c)] += d;
      }
    }
    Guarded gx(x), gd(dy);
    std::vector<char> work(Rows::layer_norm_sums_workspace(rows, cols));
    auto run = [&, rows = rows, cols = cols](const Rows& k, Pool& pool, float* y) {
      k.layer_norm_sums(gd.data(), gx.data(), 1e-5f, y, y + cols, rows, cols, work.data(), pool);
    };
    each_way(2 * cols, run, [&](const std::vector<float>& y) { expect_near(y, need, 1e-5, "sums"); });
  }
}

TEST(Rows, softmaxes) {
  for (auto [rows, cols] : kSizes) {
    auto x = normal_values(rows * cols, 1, 50, 5);
    Doubles soft, logs;
    for (int64_t r = 0; r < rows; r++) {
      const float* xr = x.data() + r * cols;
      double sum = 0;
      for (int64_t c = 0; c < cols; c++) sum += std::exp(static_cast<double>(xr[c]) - 50);
      for (int64_t c = 0; c < cols; c++) {
        double p = std::exp(static_cast<double>(xr[c]) - 50) / sum;
        soft.push_back(p), logs.push_back(std::log(p));
      }
    }
    Guarded gx(x);
    int64_t size = rows * cols;
    auto one = [&, rows = rows, cols = cols](auto method) {
      return [&, rows, cols, method](const Rows& k, Pool& pool, float* y) { (k.*method)(gx.data(), y, rows, cols, pool); };
    };
    each_way(size, one(&Rows::softmax), [&](const std::vector<float>& y) { expect_near(y, soft, 1e-6, "softmax"); });
    each_way(size, one(&Rows::log_softmax), [&](const std::vector<float>& y) { expect_near(y, logs, 1e-6, "log_softmax"); });
  }
}

TEST(Rows, softmax_of_extreme_rows) {
  const float inf = INFINITY;
  for (Isa isa : test::isas()) {
    Pool pool(1);
    float x[] = {1e30f, 0, -1e30f, -inf, 3, 3, -inf, NAN, 1}, y[9];
    Rows(isa).softmax(x, y, 3, 3, pool);
    EXPECT_EQ(std::vector<float>(y, y + 6), (std::vector<float>{1, 0, 0, 0, 0.5f, 0.5f}));
    for (int i = 6; i < 9; i++) EXPECT_TRUE(std::isnan(y[i]));
  }
}

TEST(Rows, moments_even_far_from_zero) {
  for (auto [rows, cols, mean] :
       {std::tuple{1, 1, 0.f}, {5, 3, 1.f}, {1000, 16, 100.f}, {333, 300, 0.f}, {40000, 20, 1e4f}, {4096, 64, -3.f}}) {
    auto x = normal_values(static_cast<int64_t>(rows) * cols, 1, mean, 1);
    Doubles need;
    Doubles m(static_cast<size_t>(cols)), v(static_cast<size_t>(cols));
    for (size_t i = 0; i < x.size(); i++) m[i % m.size()] += x[i] / static_cast<double>(rows);
    for (size_t i = 0; i < x.size(); i++) v[i % v.size()] += std::pow(x[i] - m[i % m.size()], 2) / static_cast<double>(rows);
    Guarded gx(x);
    auto run = [&, rows = rows, cols = cols](const Rows& k, Pool& pool, float* y) {
      Guarded work(static_cast<int64_t>(Rows::moments_workspace(rows, cols) / sizeof(float)), Guarded::At::begin);
      k.moments(gx.data(), y, y + cols, rows, cols, work.data(), pool);
    };
    each_way(2 * cols, run, [&, cols = cols](const std::vector<float>& y) {
      for (int c = 0; c < cols; c++) {
        ASSERT_NEAR(y[static_cast<size_t>(c)], m[static_cast<size_t>(c)],
                    1e-7 * std::fabs(m[static_cast<size_t>(c)]) + 1e-7);
        ASSERT_NEAR(y[static_cast<size_t>(cols + c)], v[static_cast<size_t>(c)], 1e-6 * v[static_cast<size_t>(c)]);
      }
    });
  }
}

}  // namespace
}  // namespace fovea::kernels
