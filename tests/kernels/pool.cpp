// Pooling against plain loops in double, on every ISA that this machine has.
#include "kernels/pool.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "kernels/guarded.h"
#include "kernels/noise.h"

namespace fovea::kernels {
namespace {

using test::Guarded;
using test::noise;

// Few distinct values, so that windows have ties.
std::vector<float> steps(size_t n, uint64_t stream) {
  Random random(5, stream);
  std::vector<float> values(n);
  for (float& v : values) v = static_cast<float>(static_cast<int>(random.below(9)) - 6);
  return values;
}

size_t x_size(const PoolShape& s) { return size_t(s.n) * s.h * s.w * s.c; }
size_t y_size(const PoolShape& s) { return size_t(s.n) * s.oh() * s.ow() * s.c; }

// visit(y index, x indices of its window row by row, place of the window: i, j)
template <class F>
void windows(const PoolShape& s, F&& visit) {
  for (int n = 0; n < s.n; n++)
    for (int i = 0; i < s.oh(); i++)
      for (int j = 0; j < s.ow(); j++)
        for (int c = 0; c < s.c; c++) {
          std::vector<size_t> inputs;
          for (int u = 0; u < s.kh; u++)
            for (int v = 0; v < s.kw; v++) {
              int row = i * s.sh - s.pt + u, column = j * s.sw - s.pl + v;
              if (row < 0 || row >= s.h || column < 0 || column >= s.w) continue;
              inputs.push_back(((size_t(n) * s.h + row) * s.w + column) * s.c + c);
            }
          visit(((size_t(n) * s.oh() + i) * s.ow() + j) * s.c + c, inputs, i, j);
        }
}

std::string describe(const PoolShape& s, Isa isa, int threads) {
  return fmt::format("{} x{} n{} {}x{} c{} k{}x{} s{},{} p{},{},{},{}", isa_name(isa), threads, s.n, s.h, s.w, s.c, s.kh,
                     s.kw, s.sh, s.sw, s.pt, s.pl, s.pb, s.pr);
}

int64_t floats(size_t bytes) { return static_cast<int64_t>(bytes / sizeof(float)); }

// run(isa, threads, pool, side) -> {y, dx}; the same bits on any number of threads, and near the reference.
template <class F>
void compare(const PoolShape& s, const std::vector<double>& y, const std::vector<double>& dx, double tolerance, F&& run) {
  for (Isa isa : test::isas()) {
    std::pair<std::vector<float>, std::vector<float>> first;
    for (int threads : {1, 2, 3, 7}) {
      Pool pool(threads);
      auto got = run(isa, threads, pool, threads == 2 ? Guarded::At::begin : Guarded::At::end);
      std::string what = describe(s, isa, threads);
      if (threads == 1) {
        first = got;
        for (size_t i = 0; i < y.size(); i++) {
          ASSERT_TRUE(got.first[i] == y[i] || std::abs(got.first[i] - y[i]) <= tolerance) << what << " y at " << i;
        }
        for (size_t i = 0; i < dx.size(); i++) ASSERT_NEAR(got.second[i], dx[i], tolerance) << what << " dx at " << i;
      }
      ASSERT_EQ(got, first) << what;
    }
  }
}

void check_max(const PoolShape& s) {
  auto x = steps(x_size(s), 1), dy = noise(y_size(s), 2);
  std::vector<double> y(y_size(s)), dx(x_size(s));
  windows(s, [&](size_t out, const std::vector<size_t>& inputs, int, int) {
    y[out] = -INFINITY;
    for (size_t in : inputs) y[out] = std::max<double>(y[out], x[in]);
    for (size_t in : inputs) {
      if (x[in] != y[out]) continue;
      dx[in] += dy[out];
      break;
    }
  });
  double tolerance = s.kh * s.kw * s.kh * s.kw * 0x1p-24;
  compare(s, y, dx, tolerance, [&](Isa isa, int threads, Pool& pool, Guarded::At side) {
    MaxPool kernel(s, isa, threads);
    Guarded gx(x, side), gdy(dy, side), gy(static_cast<int64_t>(y.size()), side, NAN),
        gdx(static_cast<int64_t>(dx.size()), side, NAN);
    Guarded forward(floats(kernel.forward_workspace_bytes()), side, NAN),
        back(floats(kernel.backward_workspace_bytes()), side, NAN);
    kernel.forward(gx.data(), gy.data(), forward.data(), pool);
    kernel.backward(gx.data(), gdy.data(), gdx.data(), back.data(), pool);
    return std::pair{gy.values(), gdx.values()};
  });
}

// The divisor as torch.nn.functional.avg_pool2d computes it.
double divisor(const PoolShape& s, bool count_pad, size_t inside, int i, int j) {
  if (!count_pad) return std::max<double>(1, static_cast<double>(inside));
  int top = i * s.sh - s.pt, left = j * s.sw - s.pl;
  return double(std::min(top + s.kh, s.h + s.pt) - top) * (std::min(left + s.kw, s.w + s.pl) - left);
}

void check_avg(const PoolShape& s, bool count_pad) {
  auto x = noise(x_size(s), 3), dy = noise(y_size(s), 4);
  std::vector<double> y(y_size(s)), dx(x_size(s));
  windows(s, [&](size_t out, const std::vector<size_t>& inputs, int i, int j) {
    double by = divisor(s, count_pad, inputs.size(), i, j);
    for (size_t in : inputs) {
      y[out] += x[in] / by;
      dx[in] += dy[out] / by;
    }
  });
  double tolerance = (s.kh * s.kw + 4) * s.kh * s.kw * 0x1p-24;
  compare(s, y, dx, tolerance, [&](Isa isa, int threads, Pool& pool, Guarded::At side) {
    AvgPool kernel(s, count_pad, isa, threads);
    Guarded gx(x, side), gdy(dy, side), gy(static_cast<int64_t>(y.size()), side, NAN),
        gdx(static_cast<int64_t>(dx.size()), side, NAN);
    Guarded work(floats(kernel.workspace_bytes()), side, NAN);
    kernel.forward(gx.data(), gy.data(), work.data(), pool);
    kernel.backward(gdy.data(), gdx.data(), work.data(), pool);
    return std::pair{gy.values(), gdx.values()};
  });
}

std::vector<PoolShape> shapes() {
  std::vector<PoolShape> list;
  for (int c : {1, 3, 8, 16, 21, 35}) {
    list.push_back(
        {.n = 2, .h = 9, .w = 11, .c = c, .kh = 3, .kw = 3, .sh = 2, .sw = 2, .pt = 1, .pl = 1, .pb = 1, .pr = 1});
  }
  list.push_back({.n = 3, .h = 8, .w = 6, .c = 5, .kh = 2, .kw = 2, .sh = 2, .sw = 2});
  list.push_back({.n = 1, .h = 7, .w = 7, .c = 4, .kh = 7, .kw = 7});
  list.push_back({.n = 1, .h = 13, .w = 5, .c = 6, .kh = 5, .kw = 2, .sh = 1, .sw = 3, .pt = 2, .pl = 0, .pb = 2, .pr = 1});
  list.push_back({.n = 1, .h = 6, .w = 6, .c = 3, .kh = 3, .kw = 3, .sh = 2, .sw = 2, .pb = 1, .pr = 1});  // ceil mode
  list.push_back({.n = 1, .h = 7, .w = 8, .c = 3, .kh = 3, .kw = 3, .sh = 2, .sw = 2, .pt = 1, .pl = 1, .pb = 2, .pr = 2});
  list.push_back({.n = 2, .h = 5, .w = 5, .c = 2, .kh = 1, .kw = 1, .sh = 3, .sw = 3});  // reads one pixel in nine
  list.push_back({.n = 1, .h = 1, .w = 1, .c = 17, .kh = 3, .kw = 3, .pt = 1, .pl = 1, .pb = 1, .pr = 1});
  return list;
}

TEST(Pool, Max) {
  for (const PoolShape& s : shapes()) check_max(s);
  check_max({.n = 1, .h = 9, .w = 9, .c = 7, .kh = 3, .kw = 2, .pt = 2, .pl = 1, .pb = 2, .pr = 1});
  check_max({.n = 1, .h = 15, .w = 15, .c = 4, .kh = 13, .kw = 13, .pt = 6, .pl = 6, .pb = 6, .pr = 6});
}

TEST(Pool, MaxOfPaddingAndOfNaN) {
  PoolShape s{.n = 1, .h = 2, .w = 2, .c = 18, .kh = 2, .kw = 2, .sh = 2, .sw = 2, .pt = 2, .pl = 0};
  std::vector<float> x(x_size(s), -3.f);
  x[2 * 18 + 17] = NAN;  // last channel of the third pixel
  for (Isa isa : test::isas()) {
    Pool pool(1);
    MaxPool kernel(s, isa, 1);
    std::vector<float> y(y_size(s)), dx(x_size(s)), dy(y_size(s), 1.f),
        work(kernel.backward_workspace_bytes() / sizeof(float) + 64);
    kernel.forward(x.data(), y.data(), work.data(), pool);
    kernel.backward(x.data(), dy.data(), dx.data(), work.data(), pool);
    EXPECT_EQ(y[0], -INFINITY);
    EXPECT_EQ(y[18], -3.f);
    EXPECT_TRUE(std::isnan(y[2 * 18 - 1]));
    EXPECT_EQ(dx[0], 1.f);
    EXPECT_EQ(dx[17], 0.f);
    EXPECT_EQ(dx[2 * 18 + 17], 1.f);
  }
}

TEST(Pool, Avg) {
  for (const PoolShape& s : shapes()) {
    check_avg(s, true);
    check_avg(s, false);
  }
}

}  // namespace
}  // namespace fovea::kernels
