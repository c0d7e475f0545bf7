// Winograd's weight gradient against plain loops in double: on every ISA of this machine, odd sizes, channel tails, several
// blocks, chunks and splits, any number of threads (bitwise the same), operands that end at a page nobody may touch.
#include "kernels/winograd_weight.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/conv_cases.h"
#include "kernels/conv_reference.h"
#include "kernels/guarded.h"

namespace fovea::kernels {
namespace {

using test::Guarded;
using test::isas;

ConvShape shape(int n, int h, int w, int c, int o, int top = 1, int left = 1, int bottom = 1, int right = 1) {
  return {.n = n, .h = h, .w = w, .c = c, .o = o, .kh = 3, .kw = 3, .pt = top, .pl = left, .pb = bottom, .pr = right};
}

Floats run(const ConvShape& s, Isa isa, int threads, const Floats& x, const Floats& dy) {
  Pool pool(threads);
  const WinogradWeight conv(s, isa, threads);
  Guarded gx(x), gdy(dy), dw(w_size(s), Guarded::At::end, NAN);
  Guarded work((conv.workspace_bytes() + 3) / 4, Guarded::At::end, NAN);
  conv.run(gx.data(), gdy.data(), dw.data(), work.data(), pool);
  return dw.values();
}

// max |x| * the largest sum of |dy| over the pixels of an output channel.
double magnitude(const ConvShape& s, const Floats& x, const Floats& dy) {
  double most = 0;
  for (float v : x) most = std::max(most, double{std::abs(v)});
  std::vector<double> sums(s.o);
  for (size_t i = 0; i < dy.size(); i++) sums[i % s.o] += std::abs(dy[i]);
  return most * *std::max_element(sums.begin(), sums.end());
}

// The largest error over what is allowed, of all instruction sets; any number of threads is bitwise the same.
double check(const ConvShape& s, const Floats& x, const Floats& dy) {
  std::vector<double> want(w_size(s));
  reference_conv_backward_weight(s, x.data(), dy.data(), want.data());
  const double bound = winograd_weight_error(s) * 0x1p-24 * magnitude(s, x, dy);
  double worst = 0;
  for (Isa isa : isas()) {
    const Floats one = run(s, isa, 1, x, dy);
    for (size_t i = 0; i < want.size(); i++) {
      const double error = std::abs(one[i] - want[i]) / bound;
      EXPECT_LE(error, 1) << text(s) << " " << isa_name(isa) << " at " << i << ": got " << one[i] << ", need " << want[i];
      if (!(error <= 1)) return error;
      worst = std::max(worst, error);
    }
    for (int threads : {2, 3, 7}) {
      const Floats many = run(s, isa, threads, x, dy);
      EXPECT_EQ(std::memcmp(one.data(), many.data(), one.size() * sizeof(float)), 0)
          << text(s) << " " << isa_name(isa) << ": " << threads << " threads";
    }
  }
  return worst;
}

TEST(WinogradWeight, AnyShape) {
  const ConvShape shapes[] = {
      shape(1, 1, 1, 1, 1),                 // a tile that is nearly empty
      shape(1, 3, 3, 5, 7, 0, 0, 0, 0),     // one output
      shape(1, 8, 8, 16, 16),               // whole tiles
      shape(2, 5, 6, 17, 19),               // tails everywhere
      shape(3, 7, 7, 20, 33),               //
      shape(1, 9, 11, 4, 65, 2, 2, 2, 2),   // two blocks of output channels
      shape(2, 10, 13, 70, 9, 0, 1, 2, 1),  // two of input channels
      shape(1, 6, 5, 130, 150),             // three of each
      shape(1, 2, 70, 12, 24),              // a wide image
      shape(5, 4, 4, 8, 12, 2, 0, 1, 2),    // borders of all sizes
      shape(4, 20, 23, 64, 40),             // several chunks
      shape(9, 23, 21, 6, 5),               // two splits
  };
  for (const ConvShape& s : shapes) check(s, noise(x_size(s), 1), noise(y_size(s), 2));
}

// Roundings that all go one way are the worst that there is: the bound grows with the sum because it must.
TEST(WinogradWeight, ErrorOfEqualPixels) {
  const ConvShape s = shape(126, 3, 3, 3, 16);
  double worst = 0;
  for (int i = 0; i < 16; i++)
    worst = std::max(worst, check(s, Floats(x_size(s), 1 + float(i) / 16), Floats(y_size(s), 1.7f)));
  EXPECT_GT(worst * winograd_weight_error(s), winograd_weight_error(shape(1, 3, 3, 3, 16)));
}

TEST(WinogradWeight, RefusesWhatItCannotAndWhatDoesNotPay) {
  const ConvShape good = shape(8, 28, 28, 64, 64);
  EXPECT_EQ(winograd_weight_refuses(good), nullptr);
  ConvShape s = good;
  s.sh = 2;
  EXPECT_STREQ(winograd_weight_refuses(s), "a stride");
  s = good, s.dw = 2;
  EXPECT_STREQ(winograd_weight_refuses(s), "a dilation");
  s = good, s.groups = 2;
  EXPECT_STREQ(winograd_weight_refuses(s), "groups");
  s = good, s.kw = 1;
  EXPECT_STREQ(winograd_weight_refuses(s), "not a 3x3 kernel");
  EXPECT_NE(winograd_weight_refuses(shape(64, 28, 28, 3, 16)), nullptr);  // few channels
  EXPECT_NE(winograd_weight_refuses(shape(1, 4, 4, 512, 512)), nullptr);  // few pixels
}

}  // namespace
}  // namespace fovea::kernels
