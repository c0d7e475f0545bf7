// A finish inside the tiles is the epilogue that it stands for, bit for bit; and what counts as one.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "guarded.h"
#include "kernels/conv_gather.h"
#include "kernels/depthwise.h"
#include "kernels/depthwise_small.h"
#include "kernels/pointwise.h"

namespace fovea::kernels {
namespace {

// relu6-like of (y + bias) + residual over [rows, channels].
PwProgram program(int64_t rows, int64_t channels) {
  PwProgram p{.dims = {1, 1, rows, channels}, .inputs = {}, .code = {}, .outputs = {7}, .registers = 8};
  p.inputs = {{{0, 0, 0, 1}}, {{0, 0, channels, 1}}};
  p.code = {{Pw::load, 1, 0},   {Pw::add, 2, 0, 1}, {Pw::load, 3, 1},
            {Pw::add, 4, 3, 2}, {Pw::relu, 5, 4},   {.op = Pw::constant, .dst = 6, .imm = 1.5f},
            {Pw::min, 7, 5, 6}};
  return p;
}

std::vector<float> draw(size_t n, int seed) {
  std::mt19937 rng(static_cast<unsigned>(seed));
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> r(n);
  for (float& v : r) v = uniform(rng);
  return r;
}

template <class Kernel>
void expect_same(const ConvShape& s, Isa isa, const char* what) {
  for (int threads : {1, 2}) {
    Pool pool(threads);
    Kernel k(s, Direction::forward, isa, threads);
    const size_t pixels = static_cast<size_t>(s.n) * s.oh() * s.ow(), outputs = pixels * s.o;
    std::vector<float> x = draw(static_cast<size_t>(s.n) * s.h * s.w * s.c, 1), bias = draw(s.o, 2),
                       residual = draw(outputs, 3), w = draw(static_cast<size_t>(s.o) * s.kh * s.kw * (s.c / s.groups), 4);
    x[x.size() / 2] = NAN;
    residual[outputs / 3] = NAN;
    std::vector<float> packed(k.packed_floats() + 16), work(k.workspace_bytes() / 4 + 16), y(outputs, 7), z(outputs, 8);
    auto aligned = [](std::vector<float>& v) {
      return reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(v.data()) + 63) / 64 * 64);
    };
    k.pack(w.data(), aligned(packed), pool);
    const float* in[] = {bias.data(), residual.data()};
    Pointwise pointwise(program(static_cast<int64_t>(pixels), s.o), isa);
    PwEpilogue epilogue(pointwise, in);
    Epilogue with = epilogue.view(), without = with;
    ASSERT_NE(with.finish, nullptr);
    without.finish = nullptr;
    k.run(x.data(), aligned(packed), y.data(), aligned(work), pool, &with);
    k.run(x.data(), aligned(packed), z.data(), aligned(work), pool, &without);
    for (size_t i = 0; i < outputs; i++)
      ASSERT_TRUE(y[i] == z[i] || (std::isnan(y[i]) && std::isnan(z[i])))
          << what << " " << isa_name(isa) << " " << i << ": " << y[i] << " " << z[i];
    ASSERT_TRUE(std::any_of(y.begin(), y.end(), [](float v) { return std::isnan(v); }));
  }
}

TEST(Finish, IsTheEpilogueOfAConvolution) {
  for (Isa isa : test::isas()) {
    for (int c : {1, 3, 16, 40})
      for (int o : {5, 16, 70}) {
        ConvShape s{.n = 2, .h = 9, .w = 11, .c = c, .o = o, .kh = 3, .kw = 3, .pt = 1, .pl = 1, .pb = 1, .pr = 1};
        expect_same<GatherConv>(s, isa, "dense");
      }
    expect_same<GatherConv>({.n = 1, .h = 5, .w = 6, .c = 1200, .o = 33, .kh = 1, .kw = 1}, isa, "in slices");
    for (int c : {7, 16, 50}) {
      ConvShape s{
          .n = 2, .h = 9, .w = 17, .c = c, .o = c, .kh = 3, .kw = 3, .pt = 1, .pl = 1, .pb = 1, .pr = 1, .groups = c};
      expect_same<DepthwiseConv>(s, isa, "depthwise");
      expect_same<DepthwiseSmall>(s, isa, "small depthwise");
    }
  }
}

TEST(Finish, NothingElseCountsAsOne) {
  EXPECT_TRUE(finish_form(program(6, 5)));
  PwProgram scaled = program(6, 5);
  scaled.code[1].op = Pw::mul;
  EXPECT_FALSE(finish_form(scaled));
  PwProgram late = program(6, 5);  // the bias after the residual: another order of rounding
  std::swap(late.inputs[0], late.inputs[1]);
  EXPECT_FALSE(finish_form(late));
  PwProgram broadcast = program(6, 5);  // a row for all pixels of an image is no residual
  broadcast.dims[1] = 3;
  EXPECT_FALSE(finish_form(broadcast));
}

}  // namespace
}  // namespace fovea::kernels
