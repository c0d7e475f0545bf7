#include "bench/kernels/conv_task.h"

#include <cmath>

namespace fovea::bench {
namespace {

size_t x_size(const ConvShape& s) { return size_t(s.n) * s.h * s.w * s.c; }
size_t y_size(const ConvShape& s) { return size_t(s.n) * s.oh() * s.ow() * s.o; }
size_t w_size(const ConvShape& s) { return size_t(s.o) * s.kh * s.kw * (s.c / s.groups); }

// An element of a result in double.
struct Sum {
  double value = 0, magnitude = 0, terms = 0;
  void add(float a, float b) {
    const double product = double{a} * b;
    value += product, magnitude += std::abs(product), terms++;
  }
};

struct Places {
  const ConvShape& s;
  size_t x(int n, int i, int j, int k) const { return ((size_t(n) * s.h + i) * s.w + j) * s.c + k; }
  size_t y(int n, int i, int j, int o) const { return ((size_t(n) * s.oh() + i) * s.ow() + j) * s.o + o; }
  size_t w(int o, int u, int v, int k) const { return ((size_t(o) * s.kh + u) * s.kw + v) * (s.c / s.groups) + k; }
};

// body(u, v, i, j) for the taps over output pixel (i, j) or, transposed, for those through which input pixel (i, j) is seen.
template <class F>
void taps(const ConvShape& s, int i, int j, bool transposed, F&& body) {
  for (int u = 0; u < s.kh; u++) {
    for (int v = 0; v < s.kw; v++) {
      if (!transposed) {
        const int p = i * s.sh - s.pt + u * s.dh, q = j * s.sw - s.pl + v * s.dw;
        if (p >= 0 && p < s.h && q >= 0 && q < s.w) body(u, v, p, q);
      } else {
        const int p = i + s.pt - u * s.dh, q = j + s.pl - v * s.dw;
        if (p >= 0 && p % s.sh == 0 && p / s.sh < s.oh() && q >= 0 && q % s.sw == 0 && q / s.sw < s.ow())
          body(u, v, p / s.sh, q / s.sw);
      }
    }
  }
}

// Element `at` of out.
Sum element(const ConvTask& t, size_t at) {
  const ConvShape& s = t.shape;
  const Places place{s};
  const int cg = s.c / s.groups, og = s.o / s.groups;
  Sum sum;
  const auto split = [&](int size) {
    const int r = static_cast<int>(at % size);
    at /= size;
    return r;
  };
  if (t.way == Way::forward) {
    const int o = split(s.o), j = split(s.ow()), i = split(s.oh()), n = static_cast<int>(at);
    taps(s, i, j, false, [&](int u, int v, int p, int q) {
      for (int k = 0; k < cg; k++) sum.add(t.a.data[place.x(n, p, q, o / og * cg + k)], t.b.data[place.w(o, u, v, k)]);
    });
  } else if (t.way == Way::data) {
    const int k = split(s.c), j = split(s.w), i = split(s.h), n = static_cast<int>(at);
    taps(s, i, j, true, [&](int u, int v, int p, int q) {
      for (int o = k / cg * og; o < (k / cg + 1) * og; o++)
        sum.add(t.a.data[place.y(n, p, q, o)], t.b.data[place.w(o, u, v, k % cg)]);
    });
  } else {
    const int k = split(cg), v = split(s.kw), u = split(s.kh), o = static_cast<int>(at);
    for (int n = 0; n < s.n; n++) {
      for (int i = 0; i < s.oh(); i++) {
        for (int j = 0; j < s.ow(); j++) {
          const int p = i * s.sh - s.pt + u * s.dh, q = j * s.sw - s.pl + v * s.dw;
          if (p >= 0 && p < s.h && q >= 0 && q < s.w)
            sum.add(t.a.data[place.x(n, p, q, o / og * cg + k)], t.b.data[place.y(n, i, j, o)]);
        }
      }
    }
  }
  return sum;
}

}  // namespace

const char* way_name(Way way) { return way == Way::forward ? "forward" : way == Way::data ? "by data" : "by weight"; }

ConvShape square(int n, int size, int c, int o, int k, int stride, int groups) {
  ConvShape s{.n = n, .h = size, .w = size, .c = c, .o = o, .kh = k, .kw = k};
  s.sh = s.sw = stride, s.pt = s.pl = s.pb = s.pr = k / 2, s.groups = groups;
  return s;
}

ConvTask::ConvTask(const ConvShape& s, Way w)
    : shape(s),
      way(w),
      a(way == Way::data ? y_size(s) : x_size(s), 1),
      b(way == Way::weight ? y_size(s) : w_size(s), 2),
      out(way == Way::forward ? y_size(s)
          : way == Way::data  ? x_size(s)
                              : w_size(s)) {
  std::fill_n(out.data, out.size, NAN);  // what a kernel leaves out shows
}

double ConvTask::flops() const {
  return 2.0 * static_cast<double>(y_size(shape)) * shape.kh * shape.kw * shape.c / shape.groups;
}

double ConvTask::error(double rounding) const {
  constexpr size_t kElements = 64;
  std::vector<Sum> sums;
  std::vector<double> errors;
  double largest = 0;
  for (size_t i = 0; i < kElements; i++) {
    const size_t at = i * (out.size - 1) / (kElements - 1);  // the first and the last among them
    sums.push_back(element(*this, at));
    errors.push_back(std::abs(out.data[at] - sums.back().value));
    largest = std::max(largest, sums.back().magnitude);
  }
  double worst = 0;
  for (size_t i = 0; i < kElements; i++) {
    const double allowed = rounding > 0 ? rounding * largest : (sums[i].terms + 2) * 0x1p-24 * sums[i].magnitude;
    const double error = errors[i] / (allowed + 1e-37);
    if (error != error) return error;
    worst = std::max(worst, error);
  }
  return worst;
}

}  // namespace fovea::bench
