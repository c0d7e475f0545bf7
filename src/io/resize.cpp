#include "io/resize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "base/cpu.h"
#include "base/error.h"
#include "base/text.h"
#include "io/resample.h"

namespace fovea {
namespace {

constexpr double kSupport[] = {0, 0.5, 1, 1, 2, 3};
constexpr int kBits = 22;  // of a weight's fraction: 8 more for the pixel and 2 for overshoot fill 32

double sinc(double x) { return x == 0 ? 1 : std::sin(x * std::numbers::pi) / (x * std::numbers::pi); }

double weight(Filter f, double x) {
  double a = std::fabs(x);
  switch (f) {
    case Filter::box: return x > -0.5 && x <= 0.5 ? 1 : 0;
    case Filter::bilinear: return a < 1 ? 1 - a : 0;
    case Filter::hamming:  // with floats where Pillow has them: they do not sum to 1
      if (a == 0) return 1;
      return a < 1 ? sinc(a) * (0.54f + 0.46f * std::cos(a * std::numbers::pi)) : 0;
    case Filter::bicubic:
      if (a < 1) return (1.5 * a - 2.5) * a * a + 1;
      return a < 2 ? (((a - 5) * a + 8) * a - 4) * -0.5 : 0;
    case Filter::lanczos: return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
    case Filter::nearest: break;
  }
  return 0;
}

}  // namespace

int resample_weights(int in, int out, int i, Filter f, std::vector<double>& weights) {
  double scale = static_cast<double>(in) / out, wide = std::max(scale, 1.0);
  double support = kSupport[static_cast<int>(f)] * wide, center = (i + 0.5) * scale, sum = 0;
  // NOLINTBEGIN(bugprone-incorrect-roundings): towards zero, as Pillow does
  int first = std::max(static_cast<int>(center - support + 0.5), 0);
  int count = std::min(static_cast<int>(center + support + 0.5), in) - first;
  // NOLINTEND(bugprone-incorrect-roundings)
  weights.resize(count);
  for (int t = 0; t < count; t++) sum += weights[t] = weight(f, (t + first - center + 0.5) * (1 / wide));
  if (sum != 0)
    for (double& w : weights) w /= sum;
  return first;
}

namespace {

// Taps of the outputs begin .. begin + n - 1 when `in` samples become `out`.
void make_taps(int in, int out, Filter f, int begin, int n, Taps& taps) {
  double wide = std::max(static_cast<double>(in) / out, 1.0);
  taps.stride = static_cast<int>(std::ceil(kSupport[static_cast<int>(f)] * wide)) * 2 + 1;
  taps.first.resize(n), taps.count.resize(n);
  taps.weights.assign(size_t(n) * taps.stride, 0);
  std::vector<double> w;
  for (int i = 0; i < n; i++) {
    taps.first[i] = resample_weights(in, out, begin + i, f, w), taps.count[i] = static_cast<int>(w.size());
    for (size_t t = 0; t < w.size(); t++) {
      double v = w[t] * (1 << kBits);
      taps.weights[size_t(i) * taps.stride + t] = static_cast<int32_t>(v < 0 ? v - 0.5 : v + 0.5);
    }
  }
}

#define FOVEA_INLINE inline __attribute__((always_inline))

FOVEA_INLINE uint8_t clip(int32_t sum) {
  int32_t v = sum >> kBits;
  return static_cast<uint8_t>(v < 0 ? 0 : v > 255 ? 255 : v);
}

// One row, `n` outputs of C channels. Reads 4 bytes per pixel: with C = 3 the byte after the last pixel is touched.
template <int C>
FOVEA_INLINE void across_body(const uint8_t* row, const Taps& taps, int n, uint8_t* out) {
  using Lanes = int32_t __attribute__((vector_size(16)));
  using Bytes = uint8_t __attribute__((vector_size(4)));
  for (int i = 0; i < n; i++, out += C) {
    const uint8_t* from = row + int64_t{taps.first.data()[i]} * C;
    const int32_t* k = taps.weights.data() + int64_t{i} * taps.stride;
    int count = taps.count.data()[i];
    if constexpr (C == 1) {
      int32_t sum = 1 << (kBits - 1);
      for (int t = 0; t < count; t++) sum += from[t] * k[t];
      out[0] = clip(sum);
    } else {
      Lanes sum = Lanes{} + (1 << (kBits - 1));
      for (int t = 0; t < count; t++) {
        Bytes pixel;
        std::memcpy(&pixel, from + t * C, 4);
        sum += __builtin_convertvector(pixel, Lanes) * k[t];
      }
      for (int c = 0; c < C; c++) out[c] = clip(sum[c]);
    }
  }
}

// One output row of `n` bytes from `count` rows.
FOVEA_INLINE void down_body(const uint8_t* rows, int64_t stride, const int32_t* k, int count, int64_t n, uint8_t* out) {
  constexpr int kChunk = 64;
  int64_t x = 0;
  for (; x + kChunk <= n; x += kChunk) {
    int32_t sum[kChunk];
    for (int j = 0; j < kChunk; j++) sum[j] = 1 << (kBits - 1);
    for (int t = 0; t < count; t++) {
      const uint8_t* row = rows + t * stride + x;
      for (int j = 0; j < kChunk; j++) sum[j] += row[j] * k[t];
    }
    for (int j = 0; j < kChunk; j++) out[x + j] = clip(sum[j]);
  }
  for (; x < n; x++) {
    int32_t sum = 1 << (kBits - 1);
    for (int t = 0; t < count; t++) sum += rows[t * stride + x] * k[t];
    out[x] = clip(sum);
  }
}

// The same integer arithmetic compiled for three instruction sets, so the bits are the same too.
#define FOVEA_ROWS(suffix, target)                                                                                         \
  target void across3_##suffix(const uint8_t* row, const Taps& t, int n, uint8_t* out) { across_body<3>(row, t, n, out); } \
  target void across1_##suffix(const uint8_t* row, const Taps& t, int n, uint8_t* out) { across_body<1>(row, t, n, out); } \
  target void down_##suffix(const uint8_t* r, int64_t s, const int32_t* k, int c, int64_t n, uint8_t* out) {               \
    down_body(r, s, k, c, n, out);                                                                                         \
  }
FOVEA_ROWS(portable, )
#if defined(__x86_64__)
FOVEA_ROWS(avx2, __attribute__((target("avx2"))))
FOVEA_ROWS(avx512, __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))))
#endif

struct Rows {
  void (*across3)(const uint8_t*, const Taps&, int, uint8_t*) = across3_portable;
  void (*across1)(const uint8_t*, const Taps&, int, uint8_t*) = across1_portable;
  void (*down)(const uint8_t*, int64_t, const int32_t*, int, int64_t, uint8_t*) = down_portable;
};

Rows choose_rows() {
#if defined(__x86_64__)
  if (active_isa() >= Isa::avx512) return {across3_avx512, across1_avx512, down_avx512};
  if (active_isa() >= Isa::avx2) return {across3_avx2, across1_avx2, down_avx2};
#endif
  return {};
}

void copy_rows(ImageView src, int y, int x, int h, int w, uint8_t* out) {
  size_t bytes = size_t(w) * src.c;
  for (int i = 0; i < h; i++) std::memcpy(out + i * bytes, src.row(y + i) + int64_t{x} * src.c, bytes);
}

}  // namespace

const std::vector<std::string>& filter_names() {
  static const std::vector<std::string> names = {"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"};
  return names;
}

Filter filter_from(const std::string& name) {
  const std::vector<std::string>& names = filter_names();
  auto at = std::find(names.begin(), names.end(), name);
  if (at != names.end()) return static_cast<Filter>(at - names.begin());
  fail(Code::usage, "interpolation: got \"{}\", need one of {}{}", name, fmt::join(names, ", "), suggestion(name, names));
}

void Resizer::nearest(ImageView src, int h, int w, int y, int x, int out_h, int out_w, uint8_t* out) {
  // Positions are running sums from the first output on, as Pillow has them: rounding errors are part of the result.
  auto positions = [](int in, int n, int begin, int count, std::vector<int>& at) {
    double step = static_cast<double>(in) / n, position = step * 0.5;
    at.resize(count);
    for (int i = 0; i < begin + count; i++, position += step) {
      if (i >= begin) at[i - begin] = std::min(static_cast<int>(position), in - 1);
    }
  };
  positions(src.w, w, x, out_w, across_.first);
  positions(src.h, h, y, out_h, down_.first);
  for (int i = 0; i < out_h; i++) {
    const uint8_t* row = src.row(down_.first[i]);
    for (int j = 0; j < out_w; j++, out += src.c) std::memcpy(out, row + int64_t{across_.first[j]} * src.c, src.c);
  }
}

void Resizer::resize(ImageView src, int h, int w, Filter filter, int y, int x, int out_h, int out_w, uint8_t* out) {
  FOVEA_CHECK(y >= 0 && x >= 0 && y + out_h <= h && x + out_w <= w && src.h > 0 && src.w > 0 && (src.c == 1 || src.c == 3));
  if (h == src.h && w == src.w) return copy_rows(src, y, x, out_h, out_w, out);
  if (filter == Filter::nearest) return nearest(src, h, w, y, x, out_h, out_w, out);

  Rows rows = choose_rows();
  int top = y, bottom = y + out_h;  // the source rows that matter
  if (h != src.h) {
    make_taps(src.h, h, filter, y, out_h, down_);
    top = down_.first.front(), bottom = down_.first.back() + down_.count.back();
  }
  int64_t width = int64_t{out_w} * src.c;
  ImageView middle = crop(src, top, x, bottom - top, out_w);
  if (w != src.w) {
    make_taps(src.w, w, filter, x, out_w, across_);
    int64_t row_bytes = int64_t{src.w} * src.c;
    between_.resize((bottom - top) * width + row_bytes + 1);
    for (int i = top; i < bottom; i++) {
      const uint8_t* row = src.row(i);
      if (i == src.h - 1) {  // nothing may follow the last row, and a byte more is read
        row = static_cast<uint8_t*>(std::memcpy(&between_[(bottom - top) * width], row, row_bytes));
      }
      (src.c == 3 ? rows.across3 : rows.across1)(row, across_, out_w, &between_[(i - top) * width]);
    }
    middle = {between_.data(), bottom - top, out_w, src.c, width};
  }
  if (h == src.h) return copy_rows(middle, 0, 0, out_h, out_w, out);
  for (int i = 0; i < out_h; i++) {
    rows.down(middle.row(down_.first[i] - top), middle.stride, down_.at(i), down_.count[i], width, out + i * width);
  }
}

Image resize(ImageView src, int h, int w, Filter filter) {
  Image out{h, w, src.c, std::vector<uint8_t>(size_t(h) * w * src.c)};
  Resizer().resize(src, h, w, filter, 0, 0, h, w, out.pixels.data());
  return out;
}

}  // namespace fovea
