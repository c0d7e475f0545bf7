// Depthwise convolution in its three directions against plain loops in double, on every ISA that this machine has.
#include "kernels/depthwise.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/guarded.h"
#include "kernels/noise.h"

namespace fovea::kernels {
namespace {

using test::Guarded;
using test::noise;

size_t x_size(const ConvShape& s) { return size_t(s.n) * s.h * s.w * s.c; }
size_t y_size(const ConvShape& s) { return size_t(s.n) * s.oh() * s.ow() * s.c; }
size_t w_size(const ConvShape& s) { return size_t(s.c) * s.kh * s.kw; }

// visit(x index, w index, y index) for every product of the convolution.
template <class F>
void products(const ConvShape& s, F&& visit) {
  for (int n = 0; n < s.n; n++)
    for (int i = 0; i < s.oh(); i++)
      for (int j = 0; j < s.ow(); j++)
        for (int u = 0; u < s.kh; u++)
          for (int v = 0; v < s.kw; v++) {
            int row = i * s.sh - s.pt + u * s.dh, column = j * s.sw - s.pl + v * s.dw;
            if (row < 0 || row >= s.h || column < 0 || column >= s.w) continue;
            for (int c = 0; c < s.c; c++) {
              visit(((size_t(n) * s.h + row) * s.w + column) * s.c + c, (size_t(c) * s.kh + u) * s.kw + v,
                    ((size_t(n) * s.oh() + i) * s.ow() + j) * s.c + c);
            }
          }
}

// A sum of products in float is off by at most terms * 2^-24 * (the sum of their magnitudes), nearly.
struct Sums {
  explicit Sums(size_t n) : value(n), magnitude(n), terms(n) {}
  void add(size_t at, double product) {
    value[at] += product;
    magnitude[at] += std::abs(product);
    terms[at] += 1;
  }
  void expect(const std::vector<float>& got, const std::string& what) const {
    ASSERT_EQ(got.size(), value.size()) << what;
    for (size_t i = 0; i < got.size(); i++) {
      double bound = (terms[i] + 2) * 0x1p-24 * magnitude[i];
      ASSERT_LE(std::abs(got[i] - value[i]), bound) << what << " at " << i << ": got " << got[i] << ", need " << value[i];
    }
  }
  std::vector<double> value, magnitude, terms;
};

std::string describe(const ConvShape& s, Isa isa, int threads) {
  return fmt::format("{} x{} n{} {}x{} c{} k{}x{} s{},{} p{},{},{},{} d{},{}", isa_name(isa), threads, s.n, s.h, s.w, s.c,
                     s.kh, s.kw, s.sh, s.sw, s.pt, s.pl, s.pb, s.pr, s.dh, s.dw);
}

// y += 1 + row + channel / 1000 in place: shows that every element passes exactly once, with its own place.
float mark(int64_t row, int64_t channel) { return static_cast<float>(1 + row) + static_cast<float>(channel) / 1024.f; }
void add_marks(const void*, float* y, int64_t row0, int64_t rows, int64_t ld, int64_t c0, int64_t c1) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = c0; c < c1; c++) y[r * ld + c - c0] += mark(row0 + r, c);
}

std::vector<float> run_windows(const DepthwiseConv& kernel, const std::vector<float>& from, const std::vector<float>& w,
                               size_t out, Pool& pool, Guarded::At side, const Epilogue* epilogue = nullptr) {
  Guarded source(from, side), weights(w, side), packed(static_cast<int64_t>(kernel.packed_floats()), side),
      y(static_cast<int64_t>(out), side, NAN);
  Guarded work(static_cast<int64_t>(kernel.workspace_bytes() / sizeof(float)), side);
  kernel.pack(weights.data(), packed.data(), pool);
  kernel.run(source.data(), packed.data(), y.data(), work.data(), pool, epilogue);
  return y.values();
}

std::vector<float> run_weights(const DepthwiseWeightConv& kernel, const std::vector<float>& x, const std::vector<float>& dy,
                               size_t out, Pool& pool, Guarded::At side) {
  Guarded source(x, side), grad(dy, side), dw(static_cast<int64_t>(out), side, NAN);
  Guarded work(static_cast<int64_t>(kernel.workspace_bytes() / sizeof(float)), side, NAN);
  kernel.run(source.data(), grad.data(), dw.data(), work.data(), pool);
  return dw.values();
}

void check(const ConvShape& s) {
  auto x = noise(x_size(s), 1), w = noise(w_size(s), 2), dy = noise(y_size(s), 3);
  Sums y(y_size(s)), dx(x_size(s)), dw(w_size(s));
  products(s, [&](size_t ix, size_t iw, size_t iy) {
    y.add(iy, double(x[ix]) * w[iw]);
    dx.add(ix, double(dy[iy]) * w[iw]);
    dw.add(iw, double(dy[iy]) * x[ix]);
  });
  for (Isa isa : test::isas()) {
    DepthwiseConv forward(s, Direction::forward, isa, 1);
    DepthwiseConv data(s, Direction::backward_data, isa, 1);
    DepthwiseWeightConv weight(s, isa, 1);
    std::vector<float> y1, dx1, dw1;
    for (int threads : {1, 2, 3, 7}) {
      Pool pool(threads);
      Guarded::At side = threads == 2 ? Guarded::At::begin : Guarded::At::end;
      std::string what = describe(s, isa, threads);
      auto yt = run_windows(forward, x, w, y_size(s), pool, side);
      auto dxt = run_windows(data, dy, w, x_size(s), pool, side);
      auto dwt = run_weights(weight, x, dy, w_size(s), pool, side);
      if (threads == 1) {
        y1 = yt, dx1 = dxt, dw1 = dwt;
        y.expect(yt, what + " forward");
        dx.expect(dxt, what + " backward data");
        dw.expect(dwt, what + " backward weight");
      }
      ASSERT_EQ(yt, y1) << what << " forward";
      ASSERT_EQ(dxt, dx1) << what << " backward data";
      ASSERT_EQ(dwt, dw1) << what << " backward weight";
    }
  }
}

ConvShape square(int n, int size, int c, int k, int stride = 1, int dilation = 1) {
  int pad = (k - 1) / 2 * dilation;
  return {.n = n,
          .h = size,
          .w = size,
          .c = c,
          .o = c,
          .kh = k,
          .kw = k,
          .sh = stride,
          .sw = stride,
          .pt = pad,
          .pl = pad,
          .pb = pad,
          .pr = pad,
          .dh = dilation,
          .dw = dilation,
          .groups = c};
}

TEST(Depthwise, EveryKernelSize) {
  for (int k = 1; k <= 31; k++) check(square(1, k % 2 ? 9 : 16, 5, k));
}

TEST(Depthwise, EveryWidth) {
  for (int size = 1; size <= 33; size++) check(square(1, size, 3, size % 3 == 0 ? 7 : size % 3 == 1 ? 3 : 5));
}

TEST(Depthwise, ChannelTails) {
  for (int c : {1, 4, 7, 8, 15, 16, 17, 24, 31, 33, 40, 64, 65, 80, 129}) check(square(2, 7, c, 5));
}

TEST(Depthwise, StrideAndDilation) {
  for (int stride = 1; stride <= 4; stride++)
    for (int dilation = 1; dilation <= 4; dilation++)
      for (int k : {1, 2, 3, 4, 7}) check(square(1, 11, 6, k, stride, dilation));
}

TEST(Depthwise, AxesDiffer) {
  check({.n = 2, .h = 5, .w = 19, .c = 18, .o = 18, .kh = 1, .kw = 11, .sh = 2, .pl = 5, .pr = 5, .groups = 18});
  check({.n = 1, .h = 17, .w = 4, .c = 9, .o = 9, .kh = 11, .kw = 1, .sw = 3, .pt = 5, .pb = 5, .groups = 9});
  check({.n = 1,
         .h = 13,
         .w = 9,
         .c = 20,
         .o = 20,
         .kh = 3,
         .kw = 5,
         .sh = 1,
         .sw = 2,
         .pt = 0,
         .pl = 1,
         .pb = 2,
         .pr = 3,
         .dh = 2,
         .dw = 1,
         .groups = 20});
}

// More padding than window, windows that never touch the image, and a window larger than the image.
TEST(Depthwise, OddPaddings) {
  check({.n = 1, .h = 4, .w = 5, .c = 3, .o = 3, .kh = 3, .kw = 3, .pt = 5, .pl = 4, .pb = 6, .pr = 5, .groups = 3});
  check({.n = 1,
         .h = 1,
         .w = 1,
         .c = 17,
         .o = 17,
         .kh = 3,
         .kw = 3,
         .sh = 2,
         .sw = 2,
         .pt = 0,
         .pl = 0,
         .pb = 2,
         .pr = 2,
         .groups = 17});
  check({.n = 1, .h = 6, .w = 6, .c = 2, .o = 2, .kh = 13, .kw = 13, .pt = 6, .pl = 6, .pb = 6, .pr = 6, .groups = 2});
  check(
      {.n = 1, .h = 5, .w = 5, .c = 4, .o = 4, .kh = 2, .kw = 2, .sh = 3, .sw = 3, .groups = 4});  // skips every third pixel
}

TEST(Depthwise, EpilogueSeesEveryOutputOnce) {
  ConvShape s = square(2, 9, 37, 3);
  auto x = noise(x_size(s), 4), w = noise(w_size(s), 5);
  Epilogue epilogue{add_marks, nullptr};
  for (Isa isa : test::isas()) {
    for (int threads : {1, 3}) {
      Pool pool(threads);
      DepthwiseConv forward(s, Direction::forward, isa, threads);
      auto plain = run_windows(forward, x, w, y_size(s), pool, Guarded::At::end);
      auto marked = run_windows(forward, x, w, y_size(s), pool, Guarded::At::end, &epilogue);
      for (size_t i = 0; i < plain.size(); i++)
        ASSERT_EQ(marked[i], plain[i] + mark(int64_t(i) / s.c, int64_t(i) % s.c)) << i;
    }
  }
}

}  // namespace
}  // namespace fovea::kernels
