#include "kernels/conv_reference.h"

#include <algorithm>
#include <cstddef>

namespace fovea::kernels {
namespace {

// visit(x index, w index, y index) for every product of the sum.
template <class Visit>
void each_product(const ConvShape& s, Visit visit) {
  const size_t cg = s.c / s.groups, og = s.o / s.groups;
  const size_t pixels = size_t(s.n) * s.oh() * s.ow();
  for (size_t p = 0; p < pixels; p++) {
    const int n = p / s.ow() / s.oh(), i = p / s.ow() % s.oh(), j = p % s.ow();
    for (int u = 0; u < s.kh; u++) {
      for (int v = 0; v < s.kw; v++) {
        const int iy = i * s.sh - s.pt + u * s.dh, ix = j * s.sw - s.pl + v * s.dw;
        if (iy < 0 || iy >= s.h || ix < 0 || ix >= s.w) continue;
        const size_t pixel = (size_t(n) * s.h + iy) * s.w + ix;
        for (size_t o = 0; o < size_t(s.o); o++) {
          const size_t tap = (o * s.kh + u) * s.kw + v;
          for (size_t k = 0; k < cg; k++) visit(pixel * s.c + o / og * cg + k, tap * cg + k, p * s.o + o);
        }
      }
    }
  }
}

}  // namespace

void reference_conv_forward(const ConvShape& s, const float* x, const float* w, double* y) {
  std::fill_n(y, size_t(s.n) * s.oh() * s.ow() * s.o, 0.0);
  each_product(s, [&](size_t xi, size_t wi, size_t yi) { y[yi] += double(x[xi]) * w[wi]; });
}

void reference_conv_backward_data(const ConvShape& s, const float* dy, const float* w, double* dx) {
  std::fill_n(dx, size_t(s.n) * s.h * s.w * s.c, 0.0);
  each_product(s, [&](size_t xi, size_t wi, size_t yi) { dx[xi] += double(dy[yi]) * w[wi]; });
}

void reference_conv_backward_weight(const ConvShape& s, const float* x, const float* dy, double* dw) {
  std::fill_n(dw, size_t(s.o) * s.kh * s.kw * (s.c / s.groups), 0.0);
  each_product(s, [&](size_t xi, size_t wi, size_t yi) { dw[wi] += double(x[xi]) * dy[yi]; });
}

}  // namespace fovea::kernels
