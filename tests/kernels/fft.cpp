// Convolution through the frequency domain in its three directions against plain loops in double: every ISA of this
// machine, odd sizes, channel tails, sequences, any number of threads (bitwise the same), guard pages.
#include "kernels/fft.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/conv_cases.h"
#include "kernels/conv_reference.h"
#include "kernels/guarded.h"
#include "kernels/isa/tables.h"
#include "kernels/tagged.h"

namespace fovea::kernels {
namespace {

using test::Guarded;
using test::isas;
using Doubles = std::vector<double>;

ConvShape shape(int n, int h, int w, int c, int kh, int kw, int top, int left, int bottom, int right) {
  ConvShape s{.n = n, .h = h, .w = w, .c = c, .o = c, .kh = kh, .kw = kw, .pt = top, .pl = left, .pb = bottom, .pr = right};
  s.groups = c;
  return s;
}
ConvShape same(int n, int h, int w, int c, int k) { return shape(n, h, w, c, k, k, k / 2, k / 2, k / 2, k / 2); }

Floats run(const ConvShape& s, Direction direction, Isa isa, int threads, const Floats& in, const Floats& w,
           const Epilogue* epilogue = nullptr) {
  Pool pool(threads);
  const FftConv conv(s, direction, isa, threads);
  const auto side = threads == 2 ? Guarded::At::begin : Guarded::At::end;
  Guarded gin(in, side), gw(w, side), packed(static_cast<int64_t>(conv.packed_floats()), side, NAN);
  Guarded out(static_cast<int64_t>(direction == Direction::forward ? y_size(s) : x_size(s)), side, NAN);
  Guarded work(static_cast<int64_t>(conv.workspace_bytes() / 4), side, NAN);
  conv.pack(gw.data(), packed.data(), pool);
  conv.run(gin.data(), packed.data(), out.data(), work.data(), pool, epilogue);
  return out.values();
}

Floats run_weight(const ConvShape& s, Isa isa, int threads, const Floats& x, const Floats& dy) {
  Pool pool(threads);
  const FftWeightConv conv(s, isa, threads);
  Guarded gx(x), gdy(dy), dw(static_cast<int64_t>(w_size(s)), Guarded::At::end, NAN);
  Guarded work(static_cast<int64_t>(conv.workspace_bytes() / 4), Guarded::At::end, NAN);
  conv.run(gx.data(), gdy.data(), dw.data(), work.data(), pool);
  return dw.values();
}

// Root of the sum of squares of each channel of pixels [images][pixels][c], at most over the images or of all of them.
Doubles norms(const Floats& v, int64_t images, int c, bool together) {
  Doubles most(c), sum(c);
  const size_t image = v.size() / images;
  for (size_t i = 0; i < v.size(); i++) {
    if (i % image == 0 && !together) std::fill(sum.begin(), sum.end(), 0);
    sum[i % c] += double{v[i]} * v[i];
    most[i % c] = std::max(most[i % c], std::sqrt(sum[i % c]));
  }
  return most;
}
Doubles kernel_norms(const Floats& w, int c) {
  Doubles sum(c);
  for (size_t i = 0; i < w.size(); i++) sum[i / (w.size() / c)] += double{w[i]} * w[i];
  for (double& s : sum) s = std::sqrt(s);
  return sum;
}

// channel(i): of element i. Holds one thread's result to the bound, and those of several to its bits.
template <class Run, class Channel>
void check(const Doubles& want, const Doubles& a, const Doubles& b, const std::string& what, Run run_on, Channel channel) {
  for (Isa isa : isas()) {
    const Floats one = run_on(isa, 1);
    for (size_t i = 0; i < want.size(); i++) {
      const size_t c = channel(i);
      ASSERT_LE(std::abs(one[i] - want[i]), kFftError * 0x1p-24 * a[c] * b[c] + 1e-37)
          << what << " " << isa_name(isa) << " at " << i << ": got " << one[i] << ", need " << want[i];
    }
    for (int threads : {2, 3}) EXPECT_EQ(one, run_on(isa, threads)) << what << " " << isa_name(isa) << ": " << threads;
  }
}

class FftShapes : public testing::TestWithParam<ConvShape> {};

TEST_P(FftShapes, EveryDirection) {
  const ConvShape& s = GetParam();
  const Floats x = noise(x_size(s), 1), w = noise(w_size(s), 2), dy = noise(y_size(s), 3);
  Doubles y(y_size(s)), dx(x_size(s)), dw(w_size(s));
  reference_conv_forward(s, x.data(), w.data(), y.data());
  reference_conv_backward_data(s, dy.data(), w.data(), dx.data());
  reference_conv_backward_weight(s, x.data(), dy.data(), dw.data());
  const auto pixel_channel = [&](size_t i) { return i % s.c; };
  const auto tap_channel = [&](size_t i) { return i / (size_t(s.kh) * s.kw); };
  const Doubles kernel = kernel_norms(w, s.c);
  check(
      y, norms(x, s.n, s.c, false), kernel, text(s) + " forward",
      [&](Isa isa, int threads) { return run(s, Direction::forward, isa, threads, x, w); }, pixel_channel);
  check(
      dx, norms(dy, s.n, s.c, false), kernel, text(s) + " backward data",
      [&](Isa isa, int threads) { return run(s, Direction::backward_data, isa, threads, dy, w); }, pixel_channel);
  check(
      dw, norms(x, 1, s.c, true), norms(dy, 1, s.c, true), text(s) + " backward weight",
      [&](Isa isa, int threads) { return run_weight(s, isa, threads, x, dy); }, tap_channel);
}

INSTANTIATE_TEST_SUITE_P(Planes, FftShapes,
                         testing::Values(same(1, 1, 1, 1, 1), same(1, 7, 7, 3, 7), same(2, 8, 9, 17, 5),
                                         same(1, 14, 14, 20, 13), same(1, 13, 10, 40, 31), same(2, 28, 28, 16, 21),
                                         shape(1, 9, 11, 5, 4, 6, 0, 0, 0, 0), shape(1, 10, 8, 33, 6, 9, 5, 8, 0, 0),
                                         shape(3, 6, 5, 2, 6, 5, 0, 4, 5, 1), same(1, 37, 41, 4, 29)));

INSTANTIATE_TEST_SUITE_P(Sequences, FftShapes,
                         testing::Values(shape(1, 1, 256, 5, 1, 256, 0, 255, 0, 0),
                                         shape(2, 1, 100, 40, 1, 31, 0, 15, 0, 15),
                                         shape(1, 200, 1, 18, 63, 1, 31, 0, 31, 0),
                                         shape(1, 1, 1000, 3, 1, 1000, 0, 999, 0, 0)));

// Every radix alone and behind others: one impulse becomes a wave.
TEST(Fft, TransformsAreFouriers) {
  for (Isa isa : isas()) {
    const FftTable& table = FOVEA_TABLE(isa, fft);
    for (int least = 1; least <= 200; least++) {
      const Fft fft(least, table);
      const int64_t n = fft.size(), point = int64_t{2} * table.lanes, at = n / 3;
      ASSERT_GE(n, least);
      Floats a(n * point), b(n * point);
      for (int64_t lane = 0; lane < table.lanes; lane++) a[at * point + lane] = 1;
      const float* z = fft.transform(a.data(), b.data(), false);
      for (int64_t k = 0; k < n; k++) {
        const double angle = -2 * std::numbers::pi * static_cast<double>(k * at % n) / static_cast<double>(n);
        ASSERT_NEAR(z[k * point], std::cos(angle), 1e-6) << n;
        ASSERT_NEAR(z[k * point + point - 1], std::sin(angle), 1e-6) << n;
      }
    }
  }
}

TEST(Fft, Epilogue) {
  const ConvShape s = same(2, 9, 11, 37, 7);
  const Floats x = noise(x_size(s), 1), w = noise(w_size(s), 2);
  for (Isa isa : isas()) {
    test::expect_tagged(run(s, Direction::forward, isa, 2, x, w), s.o,
                        [&](const Epilogue& e) { return run(s, Direction::forward, isa, 2, x, w, &e); });
  }
}

TEST(Fft, RefusesWhatItCannotAndWhatDoesNotPay) {
  EXPECT_EQ(fft_refuses(same(1, 28, 28, 64, 31), false), nullptr);
  EXPECT_EQ(fft_refuses(same(1, 56, 56, 64, 13), false), nullptr);
  EXPECT_EQ(fft_weight_refuses(same(1, 56, 56, 64, 13)), nullptr);
  EXPECT_STREQ(fft_refuses(same(1, 28, 28, 64, 7), false), "slower than direct sums here");
  EXPECT_STREQ(fft_refuses(same(1, 14, 14, 64, 9), false), "slower than direct sums here");
  EXPECT_STREQ(fft_weight_refuses(same(1, 14, 14, 64, 13)), "slower than direct sums here");
  // Transforming weights that change pays only for a batch.
  EXPECT_NE(fft_refuses(same(1, 28, 28, 64, 13), true), nullptr);
  EXPECT_EQ(fft_refuses(same(8, 28, 28, 64, 13), true), nullptr);
  EXPECT_EQ(fft_cannot(same(1, 56, 56, 64, 31)), nullptr);
  ConvShape s = same(1, 56, 56, 64, 31);
  s.sh = 2;
  EXPECT_STREQ(fft_refuses(s, false), "a stride");
  s = same(1, 56, 56, 64, 31), s.dw = 2;
  EXPECT_STREQ(fft_refuses(s, false), "a dilation");
  s = same(1, 56, 56, 64, 31), s.groups = 2;
  EXPECT_STREQ(fft_refuses(s, false), "not one output channel per input channel");
  s = same(1, 5, 5, 64, 3), s.pt = 3;
  EXPECT_STREQ(fft_refuses(s, false), "paddings beyond the kernel");
}

}  // namespace
}  // namespace fovea::kernels
