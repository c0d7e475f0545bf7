// Winograd's convolution against plain loops in double: both tile sizes on every ISA of this machine, odd sizes, channel
// tails, any number of threads (bitwise the same), operands that end at a page nobody may touch.
#include "kernels/winograd.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/conv_cases.h"
#include "kernels/conv_reference.h"
#include "kernels/guarded.h"
#include "kernels/tagged.h"

namespace fovea::kernels {
namespace {

using test::Guarded;
using test::isas;
using Doubles = std::vector<double>;

constexpr int kTiles[] = {2, 4};

ConvShape shape(int n, int h, int w, int c, int o, int top, int left, int bottom, int right) {
  return {.n = n, .h = h, .w = w, .c = c, .o = o, .kh = 3, .kw = 3, .pt = top, .pl = left, .pb = bottom, .pr = right};
}

std::string text(const ConvShape& s, int tile) {
  return fmt::format("{}x{} of n{} {}x{}x{} o{} p{},{},{},{}", tile, tile, s.n, s.h, s.w, s.c, s.o, s.pt, s.pl, s.pb, s.pr);
}

Floats run(const ConvShape& s, int tile, Isa isa, int threads, const Floats& x, const Floats& w,
           const Epilogue* epilogue = nullptr, Direction direction = Direction::forward) {
  Pool pool(threads);
  const Winograd conv(s, direction, isa, threads, tile);
  const size_t size = direction == Direction::forward ? y_size(s) : x_size(s);
  Guarded gx(x), gw(w), packed(conv.packed_floats()), y(size, Guarded::At::end, NAN);
  Guarded work((conv.workspace_bytes() + 3) / 4, Guarded::At::end, NAN);
  conv.pack(gw.data(), packed.data(), pool);
  conv.run(gx.data(), packed.data(), y.data(), work.data(), pool, epilogue);
  return y.values();
}

// max |x| * the largest sum of |w| over the taps of an output channel.
double magnitude(const ConvShape& s, const Floats& x, const Floats& w) {
  double largest = 0, sum = 0;
  for (size_t i = 0; i < w.size(); i++) {
    sum = i % (9 * s.c) == 0 ? std::abs(w[i]) : sum + std::abs(w[i]);
    largest = std::max(largest, sum);
  }
  const auto most = std::max_element(x.begin(), x.end(), [](float a, float b) { return std::abs(a) < std::abs(b); });
  return largest * std::abs(*most);
}

void expect_near(const Floats& got, const Doubles& want, double bound, const std::string& what) {
  for (size_t i = 0; i < want.size(); i++)
    ASSERT_LE(std::abs(got[i] - want[i]), bound) << what << " at " << i << ": got " << got[i] << ", need " << want[i];
}

const ConvShape kShapes[] = {
    shape(1, 1, 1, 1, 1, 1, 1, 1, 1),     shape(1, 3, 3, 5, 7, 0, 0, 0, 0),      shape(1, 8, 8, 16, 16, 1, 1, 1, 1),
    shape(2, 5, 6, 17, 19, 1, 1, 1, 1),   shape(3, 7, 7, 20, 33, 1, 1, 1, 1),    shape(1, 9, 11, 4, 65, 2, 2, 2, 2),
    shape(2, 10, 13, 33, 70, 0, 1, 2, 1), shape(1, 14, 14, 64, 128, 1, 1, 1, 1), shape(5, 4, 4, 8, 130, 2, 0, 1, 2),
    shape(1, 2, 70, 12, 24, 1, 1, 1, 1),  shape(9, 12, 12, 24, 40, 1, 1, 1, 1),  shape(1, 7, 7, 300, 96, 1, 1, 1, 1),
};

class WinogradShapes : public testing::TestWithParam<ConvShape> {};

TEST_P(WinogradShapes, Forward) {
  const ConvShape& s = GetParam();
  const Floats x = noise(x_size(s), 1), w = noise(w_size(s), 2);
  Doubles want(y_size(s));
  reference_conv_forward(s, x.data(), w.data(), want.data());
  for (int tile : kTiles) {
    for (Isa isa : isas()) {
      const Floats one = run(s, tile, isa, 1, x, w);
      const double bound = winograd_error(tile) * 0x1p-24 * magnitude(s, x, w);
      expect_near(one, want, bound, text(s, tile) + " " + isa_name(isa));
      for (int threads : {2, 3}) {
        const Floats many = run(s, tile, isa, threads, x, w);
        EXPECT_EQ(std::memcmp(one.data(), many.data(), one.size() * sizeof(float)), 0)
            << text(s, tile) << " " << isa_name(isa) << ": " << threads << " threads";
      }
    }
  }
}

// [c][the taps from the last to the first][o] of w.
Floats turned(const ConvShape& s, const Floats& w) {
  Floats r(w.size());
  for (int o = 0; o < s.o; o++)
    for (int t = 0; t < 9; t++)
      for (int c = 0; c < s.c; c++) r[(size_t(c) * 9 + 8 - t) * s.o + o] = w[(size_t(o) * 9 + t) * s.c + c];
  return r;
}

TEST_P(WinogradShapes, BackwardData) {
  const ConvShape& s = GetParam();
  const Floats dy = noise(y_size(s), 1), w = noise(w_size(s), 2);
  const ConvShape mirrored = winograd_shape(s, Direction::backward_data);
  Doubles want(x_size(s));
  reference_conv_backward_data(s, dy.data(), w.data(), want.data());
  for (int tile : kTiles) {
    for (Isa isa : isas()) {
      const Floats got = run(s, tile, isa, 2, dy, w, nullptr, Direction::backward_data);
      const double bound = winograd_error(tile) * 0x1p-24 * magnitude(mirrored, dy, turned(s, w));
      expect_near(got, want, bound, text(s, tile) + " " + isa_name(isa));
      EXPECT_EQ(got, run(mirrored, tile, isa, 3, dy, turned(s, w))) << text(s, tile) << " " << isa_name(isa);
    }
  }
}

TEST(WinogradConv, RefusesWhatItCannotAndWhatDoesNotPay) {
  const ConvShape good = shape(1, 56, 56, 64, 64, 1, 1, 1, 1);
  EXPECT_EQ(winograd_refuses(good), nullptr);
  ConvShape s = good;
  s.sh = 2;
  EXPECT_STREQ(winograd_refuses(s), "a stride");
  s = good, s.dw = 2;
  EXPECT_STREQ(winograd_refuses(s), "a dilation");
  s = good, s.groups = 2;
  EXPECT_STREQ(winograd_refuses(s), "groups");
  s = good, s.kw = 1;
  EXPECT_STREQ(winograd_refuses(s), "not a 3x3 kernel");
  EXPECT_NE(winograd_refuses(shape(1, 224, 224, 3, 64, 1, 1, 1, 1)), nullptr);
  EXPECT_NE(winograd_refuses(shape(1, 4, 4, 1024, 1024, 1, 1, 1, 1)), nullptr);
}

TEST_P(WinogradShapes, Epilogue) {
  const ConvShape& s = GetParam();
  const Floats x = noise(x_size(s), 1), w = noise(w_size(s), 2);
  for (int tile : kTiles) {
    for (Isa isa : isas()) {
      SCOPED_TRACE(text(s, tile));
      test::expect_tagged(run(s, tile, isa, 2, x, w), s.o,
                          [&](const Epilogue& e) { return run(s, tile, isa, 2, x, w, &e); });
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, WinogradShapes, testing::ValuesIn(kShapes));

}  // namespace
}  // namespace fovea::kernels
