// The dense convolution in its three directions against plain loops in double: every ISA of this machine, odd sizes,
// any number of threads (bitwise the same), operands that end at a page nobody may touch.
#include "kernels/conv_gather.h"
#include "kernels/conv_weight.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/conv_reference.h"
#include "kernels/conv_run.h"
#include "kernels/tagged.h"

namespace fovea::kernels {
namespace {

using test::Guarded;
using test::isas;
using Doubles = std::vector<double>;

Floats magnitudes(const Floats& values) {
  Floats all(values);
  for (float& v : all) v = std::abs(v);
  return all;
}

// A float sum of `terms` products in any order is off by at most (terms + 2) * 2^-24 * the sum of their magnitudes, nearly.
void expect_near(const Floats& got, const Doubles& want, const Doubles& magnitude, double terms, const std::string& what) {
  for (size_t i = 0; i < want.size(); i++) {
    ASSERT_LE(std::abs(got[i] - want[i]), (terms + 2) * 0x1p-24 * magnitude[i] + 1e-37)
        << what << " at " << i << ": got " << got[i] << ", need " << want[i];
  }
}

Floats forward(const ConvShape& s, Isa isa, int threads, const Floats& x, const Floats& w,
               const Epilogue* epilogue = nullptr, Precision precision = Precision::f32) {
  return run_whole(GatherConv(s, Direction::forward, isa, threads, precision), s, threads, x, w, epilogue);
}

Floats backward_data(const ConvShape& s, Isa isa, int threads, const Floats& dy, const Floats& w) {
  Pool pool(threads);
  GatherConv conv(s, Direction::backward_data, isa, threads);
  Guarded gdy(dy), gw(w), packed(conv.packed_floats()), dx(x_size(s));
  Guarded work((conv.workspace_bytes() + 3) / 4);
  conv.pack(gw.data(), packed.data(), pool);
  conv.run(gdy.data(), packed.data(), dx.data(), work.data(), pool, nullptr);
  return dx.values();
}

Floats backward_weight(const ConvShape& s, Isa isa, int threads, const Floats& x, const Floats& dy) {
  Pool pool(threads);
  WeightConv conv(s, isa, threads);
  Guarded gx(x), gdy(dy), dw(w_size(s)), work((conv.workspace_bytes() + 3) / 4);
  conv.run(gx.data(), gdy.data(), dw.data(), work.data(), pool);
  return dw.values();
}

// run(isa, threads) against the oracle on every ISA, and bitwise against itself on 1, 2, 3 and 7 threads.
template <class Run, class Oracle>
void check(const ConvShape& s, size_t n, double terms, Run run, Oracle oracle) {
  Doubles want(n), magnitude(n);
  oracle(want.data(), magnitude.data());
  for (Isa isa : isas()) {
    const Floats one = run(isa, 1);
    expect_near(one, want, magnitude, terms, fmt::format("{} {}", text(s), isa_name(isa)));
    for (int threads : {2, 3, 7}) {
      const Floats many = run(isa, threads);
      EXPECT_EQ(std::memcmp(one.data(), many.data(), n * sizeof(float)), 0)
          << text(s) << " " << isa_name(isa) << ": " << threads << " threads";
    }
    if (testing::Test::HasFatalFailure()) return;
  }
}

class Conv : public testing::TestWithParam<ConvShape> {};

TEST_P(Conv, Forward) {
  const ConvShape& s = GetParam();
  const Floats x = noise(x_size(s), 1), w = noise(w_size(s), 2);
  check(
      s, y_size(s), double(s.kh) * s.kw * s.c / s.groups,
      [&](Isa isa, int threads) { return forward(s, isa, threads, x, w); },
      [&](double* want, double* magnitude) {
        reference_conv_forward(s, x.data(), w.data(), want);
        reference_conv_forward(s, magnitudes(x).data(), magnitudes(w).data(), magnitude);
      });
}

Floats rounded(Floats values) {
  for (float& v : values) operand(Precision::bf16, Isa::portable).round(&v, &v, 1, 1, {});
  return values;
}

// Nothing but the operands is rounded.
TEST_P(Conv, Bf16) {
  const ConvShape& s = GetParam();
  const Floats x = noise(x_size(s), 1), w = noise(w_size(s), 2);
  check(
      s, y_size(s), double(s.kh) * s.kw * s.c / s.groups,
      [&](Isa isa, int threads) { return forward(s, isa, threads, x, w, nullptr, Precision::bf16); },
      [&](double* want, double* magnitude) {
        reference_conv_forward(s, rounded(x).data(), rounded(w).data(), want);
        reference_conv_forward(s, magnitudes(rounded(x)).data(), magnitudes(rounded(w)).data(), magnitude);
      });
}

TEST(Bf16, RoundsToNearestEvenAndKeepsWhatIsNotFinite) {
  const float inf = INFINITY, up = 1 + 0x1p-7f;
  const Floats x = {1 + 0x1p-8f, up + 0x1p-8f, 1 + 0x1.02p-8f, -3, 0x1.ffp127f, inf, -inf, NAN, -0.0f};
  const Floats want = {1, up + 0x1p-7f, up, -3, inf, inf, -inf, NAN, -0.0f};
  for (Isa isa : isas()) {
    const Operand b = operand(Precision::bf16, isa);
    const int64_t words = b.words(static_cast<int64_t>(x.size()));
    Guarded in(x), out(static_cast<size_t>(words));
    b.round(out.data(), in.data(), 1, static_cast<int64_t>(x.size()), {});
    std::vector<uint16_t> halves(static_cast<size_t>(words) * 2);
    std::memcpy(halves.data(), out.data(), halves.size() * 2);
    for (size_t i = 0; i < x.size(); i++) {
      const uint32_t bits = uint32_t{halves[b.channels == 2 ? i : 2 * i + 1]} << 16;
      float got;
      std::memcpy(&got, &bits, 4);
      if (std::isnan(want[i]))
        EXPECT_TRUE(std::isnan(got)) << isa_name(isa);
      else
        EXPECT_EQ(got, want[i]) << isa_name(isa) << " " << x[i];
    }
    EXPECT_TRUE(b.channels == 1 || halves.back() == 0) << "what is left of the last word";
  }
}

// Any run of whole rows of an image, as regions ask for them.
TEST_P(Conv, PartsAreBitsOfTheWhole) {
  const ConvShape& s = GetParam();
  const Floats x = noise(x_size(s), 1), w = noise(w_size(s), 2);
  for (Precision precision : {Precision::f32, Precision::bf16}) {
    for (Isa isa : isas()) {
      const Floats whole = forward(s, isa, 2, x, w, nullptr, precision);
      EXPECT_EQ(run_parts(GatherConv(s, Direction::forward, isa, 2, precision), s, x, w), whole)
          << text(s) << " " << isa_name(isa);
    }
  }
}

TEST_P(Conv, BackwardData) {
  const ConvShape& s = GetParam();
  const Floats dy = noise(y_size(s), 3), w = noise(w_size(s), 2);
  check(
      s, x_size(s), double(s.kh) * s.kw * s.o / s.groups,
      [&](Isa isa, int threads) { return backward_data(s, isa, threads, dy, w); },
      [&](double* want, double* magnitude) {
        reference_conv_backward_data(s, dy.data(), w.data(), want);
        reference_conv_backward_data(s, magnitudes(dy).data(), magnitudes(w).data(), magnitude);
      });
}

TEST_P(Conv, BackwardWeight) {
  const ConvShape& s = GetParam();
  const Floats x = noise(x_size(s), 1), dy = noise(y_size(s), 3);
  check(
      s, w_size(s), double(s.n) * s.oh() * s.ow(),
      [&](Isa isa, int threads) { return backward_weight(s, isa, threads, x, dy); },
      [&](double* want, double* magnitude) {
        reference_conv_backward_weight(s, x.data(), dy.data(), want);
        reference_conv_backward_weight(s, magnitudes(x).data(), magnitudes(dy).data(), magnitude);
      });
}

INSTANTIATE_TEST_SUITE_P(Shapes, Conv, testing::ValuesIn(kShapes));

INSTANTIATE_TEST_SUITE_P(Large, Conv, testing::ValuesIn(kLarge));

TEST_P(Conv, Epilogue) {
  const ConvShape& s = GetParam();
  const Floats x = noise(x_size(s), 1), w = noise(w_size(s), 2);
  for (Isa isa : isas()) {
    SCOPED_TRACE(text(s) + " " + isa_name(isa));
    test::expect_tagged(forward(s, isa, 2, x, w), s.o, [&](const Epilogue& e) { return forward(s, isa, 2, x, w, &e); });
  }
}

}  // namespace
}  // namespace fovea::kernels
