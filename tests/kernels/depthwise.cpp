// Depthwise convolution in its three directions against plain loops in double, on every ISA that this machine has.
#include "kernels/depthwise.h"
#include "kernels/depthwise_small.h"

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

std::string describe(const ConvShape& s, Isa isa) {
  return fmt::format("{} n{} {}x{} c{} k{}x{} s{},{} p{},{},{},{} d{},{}", isa_name(isa), s.n, s.h, s.w, s.c, s.kh, s.kw,
                     s.sh, s.sw, s.pt, s.pl, s.pb, s.pr, s.dh, s.dw);
}

// y += 1 + row + channel / 1000 in place: shows that every element passes exactly once, with its own place.
float mark(int64_t row, int64_t channel) { return static_cast<float>(1 + row) + static_cast<float>(channel) / 1024.f; }
void add_marks(const void*, float* y, int64_t row0, int64_t rows, int64_t ld, int64_t c0, int64_t c1) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = c0; c < c1; c++) y[r * ld + c - c0] += mark(row0 + r, c);
}

template <class Kernel>
std::vector<float> run_windows(const Kernel& kernel, const std::vector<float>& from, const std::vector<float>& w, size_t out,
                               Pool& pool, Guarded::At side, const Epilogue* epilogue = nullptr) {
  Guarded source(from, side), weights(w, side), packed(static_cast<int64_t>(kernel.packed_floats()), side),
      y(static_cast<int64_t>(out), side, NAN);
  Guarded work(static_cast<int64_t>(kernel.workspace_bytes() / sizeof(float)), side);
  kernel.pack(weights.data(), packed.data(), pool);
  kernel.run(source.data(), packed.data(), y.data(), work.data(), pool, epilogue);
  return y.values();
}

template <class Kernel>
std::vector<float> run_weights(const Kernel& kernel, const std::vector<float>& x, const std::vector<float>& dy, size_t out,
                               Pool& pool, Guarded::At side) {
  Guarded source(x, side), grad(dy, side), dw(static_cast<int64_t>(out), side, NAN);
  Guarded work(static_cast<int64_t>(kernel.workspace_bytes() / sizeof(float)), side, NAN);
  kernel.run(source.data(), grad.data(), dw.data(), work.data(), pool);
  return dw.values();
}

// run(threads, pool, side) against the oracle, and bitwise against itself on any number of threads.
template <class Run>
void check_runs(const Sums& want, const std::string& what, Run run) {
  std::vector<float> one;
  for (int threads : {1, 2, 3, 7}) {
    Pool pool(threads);
    auto got = run(threads, pool, threads == 2 ? Guarded::At::begin : Guarded::At::end);
    if (threads == 1) {
      one = got;
      want.expect(got, what);
    }
    ASSERT_EQ(got, one) << what << ", " << threads << " threads";
  }
}

template <class Kernel>
void check_windows(const ConvShape& s, Direction direction, Isa isa, const std::vector<float>& from,
                   const std::vector<float>& w, const Sums& want, const std::string& what) {
  check_runs(want, what + (direction == Direction::forward ? " forward" : " backward data"),
             [&](int threads, Pool& pool, Guarded::At side) {
               return run_windows(Kernel(s, direction, isa, threads), from, w, want.value.size(), pool, side);
             });
}

template <class Kernel>
void check_weights(const ConvShape& s, Isa isa, const std::vector<float>& x, const std::vector<float>& dy, const Sums& want,
                   const std::string& what) {
  check_runs(want, what + " backward weight", [&](int threads, Pool& pool, Guarded::At side) {
    return run_weights(Kernel(s, isa, threads), x, dy, want.value.size(), pool, side);
  });
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
    const std::string what = describe(s, isa), small = what + " small";
    for (Direction d : {Direction::forward, Direction::backward_data}) {
      const bool forward = d == Direction::forward;
      check_windows<DepthwiseConv>(s, d, isa, forward ? x : dy, w, forward ? y : dx, what);
      if (!DepthwiseSmall::cannot(s, d))
        check_windows<DepthwiseSmall>(s, d, isa, forward ? x : dy, w, forward ? y : dx, small);
    }
    check_weights<DepthwiseWeightConv>(s, isa, x, dy, dw, what);
    if (!DepthwiseSmallWeight::cannot(s)) check_weights<DepthwiseSmallWeight>(s, isa, x, dy, dw, small);
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

// Windows of every size that has tiles of its own, over every remainder of a tile and parity of padding.
TEST(Depthwise, SmallWindows) {
  for (int k : {3, 5})
    for (int stride : {1, 2})
      for (int pad = 0; pad < k; pad++)
        for (int size : {k, k + 1, 9, 12, 14, 19}) {
          ConvShape s{.n = 2, .h = size + 1, .w = size, .c = 21, .o = 21, .kh = k, .kw = k, .groups = 21};
          s.sh = s.sw = stride, s.pt = pad, s.pb = k - 1 - pad, s.pl = k - 1 - pad, s.pr = pad;
          check(s);
        }
}

TEST(Depthwise, SmallWindowsRefuseWhatTheyCannotAndWhatDoesNotPay) {
  const auto reason = [](const ConvShape& s) { return DepthwiseSmall::refuses(s, Direction::forward); };
  const ConvShape good = square(1, 28, 64, 3);
  EXPECT_EQ(reason(good), nullptr);
  EXPECT_STREQ(reason(square(1, 28, 64, 7)), "a window other than 3x3 and 5x5");
  EXPECT_STREQ(reason(square(1, 28, 64, 3, 3)), "a stride other than 1 and 2");
  EXPECT_STREQ(reason(square(1, 28, 64, 3, 1, 2)), "a dilation");
  ConvShape s = good;
  s.groups = 1;
  EXPECT_STREQ(reason(s), "not one output channel per input channel");
  EXPECT_NE(reason(square(1, 7, 16, 3)), nullptr);
  EXPECT_NE(reason(square(1, 14, 64, 5)), nullptr);
  EXPECT_STREQ(DepthwiseSmallWeight::refuses(square(1, 28, 64, 5)), "more taps than fit the registers");
}

template <class Kernel>
void check_epilogue(const ConvShape& s) {
  auto x = noise(x_size(s), 4), w = noise(w_size(s), 5);
  Epilogue epilogue{add_marks, nullptr};
  for (Isa isa : test::isas()) {
    for (int threads : {1, 3}) {
      Pool pool(threads);
      const Kernel forward(s, Direction::forward, isa, threads);
      auto plain = run_windows(forward, x, w, y_size(s), pool, Guarded::At::end);
      auto marked = run_windows(forward, x, w, y_size(s), pool, Guarded::At::end, &epilogue);
      for (size_t i = 0; i < plain.size(); i++)
        ASSERT_EQ(marked[i], plain[i] + mark(int64_t(i) / s.c, int64_t(i) % s.c)) << i;
    }
  }
}

TEST(Depthwise, EpilogueSeesEveryOutputOnce) {
  check_epilogue<DepthwiseConv>(square(2, 9, 37, 3));
  check_epilogue<DepthwiseSmall>(square(2, 9, 37, 3));
}

template <class Kernel>
void check_parts(const ConvShape& s) {
  auto x = noise(x_size(s), 4), w = noise(w_size(s), 5);
  Pool pool(2);
  for (Isa isa : test::isas()) {
    const Kernel kernel(s, Direction::forward, isa, 2);
    Guarded source(x), packed(static_cast<int64_t>(kernel.packed_floats())), y(static_cast<int64_t>(y_size(s)));
    Guarded work(static_cast<int64_t>(kernel.part_workspace_bytes() / sizeof(float)));
    kernel.pack(w.data(), packed.data(), pool);
    for (int row = 0, count; row < s.n * s.oh(); row += count) {
      count = std::min(1 + row % 3, s.oh() - row % s.oh());
      kernel.run_part(source.data(), packed.data(), y.data(), work.data(), int64_t{row} * s.ow(), int64_t{count} * s.ow(),
                      nullptr);
    }
    EXPECT_EQ(y.values(), run_windows(kernel, x, w, y_size(s), pool, Guarded::At::end)) << describe(s, isa);
  }
}

// Any run of whole rows of an image, as regions ask for them.
TEST(Depthwise, PartsAreBitsOfTheWhole) {
  for (const ConvShape& s : {square(2, 13, 37, 3), square(2, 13, 37, 5, 2), square(2, 9, 512, 5), square(1, 12, 30, 3, 2)}) {
    check_parts<DepthwiseConv>(s);
    check_parts<DepthwiseSmall>(s);
  }
}

}  // namespace
}  // namespace fovea::kernels
