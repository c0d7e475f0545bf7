// Convolution in window order against plain loops in double: every ISA of this machine, odd sizes, any number of threads
// (bitwise the same), operands that end at a page nobody may touch.
#include "kernels/im2win.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/conv_cases.h"
#include "kernels/conv_reference.h"
#include "kernels/guarded.h"
#include "kernels/tagged.h"

namespace fovea::kernels {
namespace {

using test::Guarded;
using test::isas;
using Doubles = std::vector<double>;

Floats run(const ConvShape& s, Direction direction, Isa isa, int threads, const Floats& in, const Floats& w,
           const Epilogue* epilogue = nullptr) {
  Pool pool(threads);
  const Im2win conv(s, direction, isa, threads);
  Guarded gin(in), gw(w), packed(static_cast<int64_t>(conv.packed_floats()));
  Guarded out(static_cast<int64_t>(direction == Direction::forward ? y_size(s) : x_size(s)), Guarded::At::end, NAN);
  Guarded work(static_cast<int64_t>(conv.workspace_bytes() / 4), Guarded::At::end, NAN);
  conv.pack(gw.data(), packed.data(), pool);
  conv.run(gin.data(), packed.data(), out.data(), work.data(), pool, epilogue);
  return out.values();
}

Floats magnitudes(Floats values) {
  for (float& v : values) v = std::abs(v);
  return values;
}

class Im2winShapes : public testing::TestWithParam<ConvShape> {};

TEST_P(Im2winShapes, EqualsDirectSums) {
  const ConvShape& s = GetParam();
  for (Direction direction : {Direction::forward, Direction::backward_data}) {
    if (im2win_cannot(s, direction)) continue;
    const bool forward = direction == Direction::forward;
    const Floats in = noise(forward ? x_size(s) : y_size(s), 1), w = noise(w_size(s), 2);
    const auto reference = forward ? reference_conv_forward : reference_conv_backward_data;
    Doubles want(forward ? y_size(s) : x_size(s)), magnitude(want.size());
    reference(s, in.data(), w.data(), want.data());
    reference(s, magnitudes(in).data(), magnitudes(w).data(), magnitude.data());
    const double terms = double(s.kh) * s.kw * (forward ? s.c : s.o);
    for (Isa isa : isas()) {
      const Floats one = run(s, direction, isa, 1, in, w);
      for (size_t i = 0; i < want.size(); i++)
        ASSERT_LE(std::abs(one[i] - want[i]), (terms + 2) * 0x1p-24 * magnitude[i] + 1e-37)
            << text(s) << " " << isa_name(isa) << " at " << i;
      for (int threads : {2, 3, 7}) EXPECT_EQ(one, run(s, direction, isa, threads, in, w)) << text(s) << ": " << threads;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Im2winShapes, testing::ValuesIn(kShapes));
INSTANTIATE_TEST_SUITE_P(Large, Im2winShapes, testing::ValuesIn(kLarge));

TEST(Im2win, Epilogue) {
  const ConvShape s{.n = 2, .h = 9, .w = 11, .c = 20, .o = 70, .kh = 3, .kw = 3, .pt = 1, .pl = 1, .pb = 1, .pr = 1};
  const Floats x = noise(x_size(s), 1), w = noise(w_size(s), 2);
  for (Isa isa : isas()) {
    test::expect_tagged(run(s, Direction::forward, isa, 2, x, w), s.o,
                        [&](const Epilogue& e) { return run(s, Direction::forward, isa, 2, x, w, &e); });
  }
}

TEST(Im2win, SaysWhyItIsNotTaken) {
  ConvShape s{.n = 1, .h = 28, .w = 28, .c = 64, .o = 64, .kh = 3, .kw = 3};
  EXPECT_STREQ(im2win_refuses(s, Direction::forward), "no faster than the direct kernel on any shape measured");
  s.dw = 2;
  EXPECT_STREQ(im2win_refuses(s, Direction::forward), "a dilation along the columns");
  s.dw = 1, s.sh = 2;
  EXPECT_STREQ(im2win_refuses(s, Direction::backward_data), "the gradient of a stride or dilation");
  s.groups = 2;
  EXPECT_STREQ(im2win_refuses(s, Direction::forward), "groups");
}

}  // namespace
}  // namespace fovea::kernels
