// Convolution of bytes against plain loops over the same bytes, which no rounding separates before the scale; what becomes
// of numbers that no byte stands for.
#include "kernels/int8.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/conv_reference.h"
#include "kernels/conv_run.h"
#include "kernels/tagged.h"

namespace fovea::kernels {
namespace {

using test::Guarded;
using test::isas;
using Doubles = std::vector<double>;

constexpr Quantization kX{0.0041f, 87};  // of -0.36 ... 0.69, so that numbers of -1 ... 1 saturate on both sides

// What a float becomes, by the rule as int8.h has it.
float steps(float x, const Quantization& q) {
  if (std::isnan(x)) return 0;
  return std::clamp(std::nearbyint(x * (1 / q.scale)), static_cast<float>(-q.zero), static_cast<float>(255 - q.zero));
}

Floats steps(Floats x, const Quantization& q) {
  for (float& v : x) v = steps(v, q);
  return x;
}

// The weights as integers, and the scale of each output channel.
Floats integers(Floats w, int o, Floats& scales) {
  const size_t each = w.size() / static_cast<size_t>(o);
  for (size_t i = 0; i < w.size(); i += each) {
    float most = 0;
    for (size_t k = i; k < i + each; k++) most = std::max(most, std::abs(w[k]));
    scales.push_back(most / 127);
    for (size_t k = i; k < i + each; k++) w[k] = std::nearbyint(w[k] / scales.back());
  }
  return w;
}

Floats run(const ConvShape& s, Isa isa, int threads, const Floats& x, const Floats& w, const Epilogue* epilogue = nullptr,
           const Quantization& q = kX) {
  return run_whole(GatherConv(s, isa, threads, q), s, threads, x, w, epilogue);
}

class Int8 : public testing::TestWithParam<ConvShape> {};

TEST_P(Int8, SumsAreExact) {
  const ConvShape& s = GetParam();
  const Floats x = noise(x_size(s), 1), w = noise(w_size(s), 2);
  Floats scales;
  Doubles want(y_size(s));
  const Floats q = integers(w, s.o, scales);
  reference_conv_forward(s, steps(x, kX).data(), q.data(), want.data());
  const Floats first = run(s, Isa::portable, 1, x, w);
  for (size_t i = 0; i < want.size(); i++) {
    const double y = want[i] * kX.scale * scales[i % static_cast<size_t>(s.o)];
    ASSERT_LE(std::abs(first[i] - y), 0x1p-22 * std::abs(y)) << text(s) << " at " << i;  // of three roundings
  }
  for (Isa isa : isas()) {
    for (int threads : {1, 2, 3, 7})
      EXPECT_EQ(run(s, isa, threads, x, w), first) << text(s) << " " << isa_name(isa) << ", " << threads << " threads";
  }
}

TEST_P(Int8, PartsAreTheWhole) {
  const ConvShape& s = GetParam();
  const Floats x = noise(x_size(s), 1), w = noise(w_size(s), 2), whole = run(s, Isa::portable, 2, x, w);
  for (Isa isa : isas()) EXPECT_EQ(run_parts(GatherConv(s, isa, 2, kX), s, x, w), whole) << text(s) << " " << isa_name(isa);
}

TEST_P(Int8, EpiloguesTakeScaledSums) {
  const ConvShape& s = GetParam();
  const Floats x = noise(x_size(s), 1), w = noise(w_size(s), 2), bias = noise(static_cast<size_t>(s.o), 3);
  for (Isa isa : isas()) {
    const Floats plain = run(s, isa, 2, x, w);
    bool wrong = false;
    const test::Tag ctx{s.o, plain.data(), &wrong};
    Epilogue epilogue{test::tag, &ctx};
    const Floats tagged = run(s, isa, 2, x, w, &epilogue);
    EXPECT_FALSE(wrong) << text(s) << ": the epilogue met an unfinished element";
    const Finish finish{.bias = bias.data(), .lo = -0.5f, .hi = 0.5f};
    epilogue.finish = &finish;
    const Floats finished = run(s, isa, 2, x, w, &epilogue);
    for (size_t i = 0; i < plain.size(); i++) {
      ASSERT_EQ(tagged[i], static_cast<float>(i)) << text(s) << " " << isa_name(isa);
      ASSERT_EQ(finished[i], std::clamp(plain[i] + bias[i % bias.size()], -0.5f, 0.5f)) << text(s) << " " << isa_name(isa);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Int8, testing::ValuesIn(kShapes));
INSTANTIATE_TEST_SUITE_P(Large, Int8, testing::ValuesIn(kLarge));

TEST(Int8Rounding, SaturatesAndANanIsTheZeroPoint) {
  const float inf = INFINITY;
  const Floats x = {0,   -0.0f, 0.25f, 0.75f, -0.75f, 1.25f,  1e30f, -1e30f, inf, -inf,
                    NAN, 77.5f, 78,    -50,   -50.5f, 1e-40f, 5,     6,      7};
  const std::vector<int> want = {100, 100, 100, 102, 98, 102, 255, 0, 255, 0, 100, 255, 255, 0, 0, 100, 110, 112, 114};
  for (Isa isa : isas()) {
    const Operand b = int8_operand(isa, {0.5f, 100});
    Guarded in(x), out(b.words(static_cast<int64_t>(x.size())));
    b.round(out.data(), in.data(), 1, static_cast<int64_t>(x.size()), b.x);
    const auto* bytes = reinterpret_cast<const uint8_t*>(out.data());
    for (size_t i = 0; i < x.size(); i++) EXPECT_EQ(bytes[i], want[i]) << isa_name(isa) << " " << x[i];
    EXPECT_EQ(bytes[19], 0) << "what is left of the last word";
  }
}

TEST(Int8Rounding, WeightsReachTheirRange) {
  const auto quantized = [](const Floats& w, Int8Weights& all) {
    Guarded in(w), words(static_cast<int64_t>(w.size() + 3) / 4);
    all = quantize_weights(words.data(), in.data(), 1, in.size());
    const auto* q = reinterpret_cast<const int8_t*>(words.data());
    return std::vector<int>(q, q + 4 * words.size());
  };
  Int8Weights all;
  EXPECT_EQ(quantized({254, 1, 3, -5, -254}, all), (std::vector<int>{127, 0, 2, -2, -127, 0, 0, 0}));
  EXPECT_EQ(all.scale, 2);
  EXPECT_EQ(all.sum, 0);
  EXPECT_EQ(quantized({INFINITY, -INFINITY, NAN, 12.7f}, all), (std::vector<int>{127, -127, 0, 127}));
  EXPECT_EQ(all.sum, 127);
  EXPECT_EQ(quantized({0, -0.0f, 1e-45f, 0}, all), (std::vector<int>{0, 0, 0, 0}));
}

// The largest sums there are, of either sign and about either end of the bytes.
TEST(Int8Rounding, TheLongestSumDoesNotOverflow) {
  const ConvShape s{.n = 1, .h = 1, .w = 1, .c = static_cast<int>(kInt8Terms), .o = 2, .kh = 1, .kw = 1};
  Floats w(w_size(s), 1);
  std::fill_n(w.begin(), s.c, -1.0f);
  for (const int zero : {0, 255}) {
    const float x = zero ? -255 : 255, sum = 255.0f * static_cast<float>(kInt8Terms);
    for (Isa isa : isas()) {
      const Floats y = run(s, isa, 1, Floats(x_size(s), x), w, nullptr, {1, zero});
      EXPECT_NEAR(y[0], zero ? sum : -sum, 4) << isa_name(isa);
      EXPECT_NEAR(y[1], zero ? -sum : sum, 4) << isa_name(isa);
    }
  }
}

}  // namespace
}  // namespace fovea::kernels
