// Kernels of pixels against sums in double, with pages that may not be touched behind every array.
#include "kernels/pixel_conv.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/guarded.h"

namespace fovea::kernels {
namespace {

using test::Guarded;

int out_of(int in, int taps, int stride, int dilation, int pad) {
  return (in + 2 * pad - (taps - 1) * dilation - 1) / stride + 1;
}

struct Problem {
  PixelConvShape s;
  int64_t x_size, k_size, y_size;

  Problem(int n, int h, int w, int groups, int depth, int taps, int stride, int dilation, int pad) {
    s = {n,
         groups * depth,
         groups,
         {h, out_of(h, taps, stride, dilation, pad), taps, stride, dilation, pad},
         {w, out_of(w, taps, stride, dilation, pad), taps, stride, dilation, pad}};
    int64_t pixels = int64_t{n} * s.rows.out * s.columns.out;
    x_size = int64_t{n} * h * w * s.c, y_size = pixels * s.c, k_size = pixels * groups * taps * taps;
  }
  // visit(x, k, y) for all products.
  template <class F>
  void products(F visit) const {
    int oh = s.rows.out, ow = s.columns.out, taps = s.rows.taps, depth = s.c / s.groups;
    for (int at = 0; at < s.n * oh * ow; at++)
      for (int tap = 0; tap < taps * taps; tap++) {
        int r = at / ow % oh * s.rows.stride - s.rows.pad + tap / taps * s.rows.dilation;
        int q = at % ow * s.columns.stride - s.columns.pad + tap % taps * s.columns.dilation;
        if (r < 0 || r >= s.rows.in || q < 0 || q >= s.columns.in) continue;
        for (int c = 0; c < s.c; c++)
          visit(((int64_t{at / (oh * ow)} * s.rows.in + r) * s.columns.in + q) * s.c + c,
                (int64_t{at} * s.groups + c / depth) * taps * taps + tap, int64_t{at} * s.c + c);
      }
  }
};

Guarded waves(int64_t n, float step) {
  Guarded v(n);
  for (int64_t i = 0; i < n; i++) v[i] = std::sin(static_cast<float>(i) * step);
  return v;
}

void expect_near(const Guarded& got, const std::vector<double>& need, const char* what) {
  for (size_t i = 0; i < need.size(); i++)
    ASSERT_NEAR(static_cast<double>(got[static_cast<int64_t>(i)]), need[i], 1e-5) << what << ' ' << i;
}

TEST(PixelConv, Sums) {
  for (const Problem& p : {Problem(2, 5, 6, 3, 7, 3, 1, 1, 1), Problem(1, 9, 8, 2, 16, 7, 1, 1, 3),
                           Problem(1, 8, 9, 1, 33, 3, 2, 2, 2), Problem(2, 4, 4, 5, 1, 2, 1, 1, 0)}) {
    Guarded x = waves(p.x_size, 0.7f), k = waves(p.k_size, 1.3f), dy = waves(p.y_size, 2.1f);
    auto at = [](const Guarded& v, int64_t i) { return static_cast<double>(v[i]); };
    std::vector<double> y(static_cast<size_t>(p.y_size)), dx(static_cast<size_t>(p.x_size)),
        dk(static_cast<size_t>(p.k_size));
    p.products([&](int64_t i, int64_t w, int64_t o) {
      y[static_cast<size_t>(o)] += at(x, i) * at(k, w);
      dx[static_cast<size_t>(i)] += at(k, w) * at(dy, o);
      dk[static_cast<size_t>(w)] += at(x, i) * at(dy, o);
    });
    for (Isa isa : test::isas()) {
      std::vector<std::vector<float>> first;
      for (int threads : {1, 3}) {
        Pool pool(threads);
        PixelConv conv(p.s, isa);
        Guarded got_y(p.y_size), got_dx(p.x_size), got_dk(p.k_size);
        conv.forward(x.data(), k.data(), got_y.data(), pool);
        conv.input_grad(k.data(), dy.data(), got_dx.data(), pool);
        conv.kernel_grad(x.data(), dy.data(), got_dk.data(), pool);
        expect_near(got_y, y, "result");
        expect_near(got_dx, dx, "input gradient");
        expect_near(got_dk, dk, "kernel gradient");
        std::vector<std::vector<float>> all{got_y.values(), got_dx.values(), got_dk.values()};
        if (first.empty()) first = all;
        EXPECT_EQ(all, first) << isa_name(isa) << ": other bits with " << threads << " threads";
      }
    }
  }
}

}  // namespace
}  // namespace fovea::kernels
