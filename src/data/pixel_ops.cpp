#include "data/pixel_ops.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>
#include <utility>

namespace fovea {
namespace {

// From `a` (0) to `b` (1) and beyond, truncated as Pillow truncates.
uint8_t blend(int a, int b, float t) {
  float v = static_cast<float>(a) + t * static_cast<float>(b - a);
  return static_cast<uint8_t>(std::clamp(v, 0.f, 255.f));
}

using Table = std::array<uint8_t, 256>;

template <class F>
Table make_table(F f) {
  Table t;
  for (int v = 0; v < 256; v++) t[v] = static_cast<uint8_t>(std::clamp(f(v), 0, 255));
  return t;
}

// Channel `first`, first + step, ... through the table.
void look_up(Pixels p, const Table& table, int first = 0, int step = 1) {
  for (int64_t i = first, n = p.bytes(); i < n; i += step) p.data[i] = table[p.data[i]];
}

int luma(const uint8_t* p) { return (p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16; }

std::array<int64_t, 256> histogram(Pixels p, int channel) {
  std::array<int64_t, 256> h{};
  for (int64_t i = channel, n = p.bytes(); i < n; i += p.c) h[p.data[i]]++;
  return h;
}

// The hue of one pixel turned by `shift` of 256 steps. Hue and saturation are 8-bit numbers on the way.
void turn_hue(uint8_t* p, uint8_t shift) {
  int high = std::max({p[0], p[1], p[2]}), low = std::min({p[0], p[1], p[2]});
  if (high == low) return;
  auto range = static_cast<float>(high - low);
  float saturation = range / static_cast<float>(high);
  float r = static_cast<float>(high - p[0]) / range, g = static_cast<float>(high - p[1]) / range,
        b = static_cast<float>(high - p[2]) / range;
  auto h = static_cast<float>(p[0] == high ? b - g : p[1] == high ? 2.0 + r - b : 4.0 + g - r);
  h = static_cast<float>(std::fmod(h / 6.0 + 1.0, 1.0));
  auto hue = static_cast<uint8_t>(static_cast<uint8_t>(static_cast<int>(h * 255.0)) + shift);
  int sat = static_cast<int>(saturation * 255.0);
  if (sat == 0) {
    p[0] = p[1] = p[2] = static_cast<uint8_t>(high);
    return;
  }
  double turn = hue * 6.0 / 255.0;
  int sector = static_cast<int>(turn);
  auto part = static_cast<float>(turn - sector), s = static_cast<float>(sat / 255.0);
  auto level = [&](double dark) { return static_cast<uint8_t>(std::clamp(std::round(high * (1.0 - dark)), 0.0, 255.0)); };
  auto v = static_cast<uint8_t>(high);
  uint8_t lo = level(s), falling = level(s * part), rising = level(s * (1.0 - part));
  const uint8_t sectors[6][3] = {{v, rising, lo},  {falling, v, lo}, {lo, v, rising},
                                 {lo, falling, v}, {rising, lo, v},  {v, lo, falling}};
  std::memcpy(p, sectors[sector % 6], 3);
}

}  // namespace

void adjust_brightness(Pixels p, float factor) {
  look_up(p, make_table([&](int v) { return int{blend(0, v, factor)}; }));
}

void adjust_contrast(Pixels p, float factor) {
  int64_t sum = 0, n = int64_t{p.h} * p.w;
  for (int64_t i = 0; i < n; i++) sum += p.c == 1 ? p.data[i] : luma(p.data + 3 * i);
  auto mean = static_cast<int>((2 * sum + n) / (2 * n));
  look_up(p, make_table([&](int v) { return int{blend(mean, v, factor)}; }));
}

void adjust_saturation(Pixels p, float factor) {
  if (p.c == 1) return;
  for (uint8_t *at = p.data, *end = p.data + p.bytes(); at < end; at += 3) {
    int grey = luma(at);
    for (int c = 0; c < 3; c++) at[c] = blend(grey, at[c], factor);
  }
}

void adjust_sharpness(Pixels p, float factor, std::vector<uint8_t>& room) {
  if (p.h < 3 || p.w < 3) return;
  room.assign(p.data, p.data + p.bytes());
  int64_t row = int64_t{p.w} * p.c;
  for (int y = 1; y < p.h - 1; y++) {  // the border stays as it is
    for (int64_t i = y * row + p.c; i < (y + 1) * row - p.c; i++) {
      const uint8_t* m = &room[i];
      int sum = 4 * m[0];
      for (int64_t r : {-row, int64_t{0}, row}) sum += m[r - p.c] + m[r] + m[r + p.c];
      p.data[i] = blend((2 * sum + 13) / 26, m[0], factor);
    }
  }
}

void adjust_hue(Pixels p, float turn) {
  if (p.c == 1) return;
  auto shift = static_cast<uint8_t>(static_cast<int>(turn * 255));
  for (int64_t i = 0; i < p.bytes(); i += 3) turn_hue(p.data + i, shift);
}

void autocontrast(Pixels p) {
  for (int c = 0; c < p.c; c++) {
    auto h = histogram(p, c);
    int low = 0, high = 255;
    while (low < 255 && h[low] == 0) low++;
    while (high > 0 && h[high] == 0) high--;
    if (high <= low) continue;
    double scale = 255.0 / (high - low), offset = -low * scale;
    look_up(p, make_table([&](int v) { return static_cast<int>(v * scale + offset); }), c, p.c);
  }
}

void equalize(Pixels p) {
  for (int c = 0; c < p.c; c++) {
    auto h = histogram(p, c);
    int64_t last = 0;
    for (int64_t n : h) last = n ? n : last;
    int64_t step = (int64_t{p.h} * p.w - last) / 255, sum = step / 2;
    if (step == 0) continue;
    look_up(p, make_table([&](int v) { return static_cast<int>(std::exchange(sum, sum + h[v]) / step); }), c, p.c);
  }
}

void invert(Pixels p) {
  look_up(p, make_table([](int v) { return 255 - v; }));
}

void posterize(Pixels p, int bits) {
  look_up(p, make_table([&](int v) { return v & ~(0xFF >> bits); }));
}

void solarize(Pixels p, int threshold) {
  look_up(p, make_table([&](int v) { return v < threshold ? v : 255 - v; }));
}

void solarize_add(Pixels p, int add) {
  look_up(p, make_table([&](int v) { return v < 128 ? v + add : v; }));
}

void flip_horizontal(Pixels p) {
  for (int y = 0; y < p.h; y++) {
    uint8_t *left = p.data + int64_t{y} * p.w * p.c, *right = left + int64_t{p.w - 1} * p.c;
    for (; left < right; left += p.c, right -= p.c) std::swap_ranges(left, left + p.c, right);
  }
}

void flip_vertical(Pixels p) {
  int64_t row = int64_t{p.w} * p.c;
  for (int y = 0; y < p.h / 2; y++) std::swap_ranges(p.data + y * row, p.data + (y + 1) * row, p.data + (p.h - 1 - y) * row);
}

void affine(Pixels p, const double (&m)[6], const uint8_t (&fill)[3], std::vector<uint8_t>& room) {
  room.assign(p.data, p.data + p.bytes());
  auto clamp = [](int v, int n) { return std::clamp(v, 0, n - 1); };
  uint8_t* out = p.data;
  for (int y = 0; y < p.h; y++) {
    for (int x = 0; x < p.w; x++, out += p.c) {
      double from_x = m[0] * (x + 0.5) + m[1] * (y + 0.5) + m[2], from_y = m[3] * (x + 0.5) + m[4] * (y + 0.5) + m[5];
      if (!(from_x >= 0 && from_x < p.w && from_y >= 0 && from_y < p.h)) {
        std::memcpy(out, fill, p.c);
        continue;
      }
      from_x -= 0.5, from_y -= 0.5;
      int left = static_cast<int>(std::floor(from_x)), top = static_cast<int>(std::floor(from_y));
      double dx = from_x - left, dy = from_y - top;
      int x0 = clamp(left, p.w) * p.c, x1 = clamp(left + 1, p.w) * p.c;
      const uint8_t *above = &room[int64_t{clamp(top, p.h)} * p.w * p.c],
                    *below = &room[int64_t{clamp(top + 1, p.h)} * p.w * p.c];
      for (int c = 0; c < p.c; c++) {
        double a = above[x0 + c] + (above[x1 + c] - above[x0 + c]) * dx,
               b = below[x0 + c] + (below[x1 + c] - below[x0 + c]) * dx;
        out[c] = static_cast<uint8_t>(a + (b - a) * dy);
      }
    }
  }
}

void rotate(Pixels p, double degrees, const uint8_t (&fill)[3], std::vector<uint8_t>& room) {
  auto short_of = [](double v) { return std::round(v * 1e15) / 1e15; };  // a right angle then has exact zeros
  double angle = -degrees * std::numbers::pi / 180, cos = short_of(std::cos(angle)), sin = short_of(std::sin(angle));
  double cx = p.w / 2.0, cy = p.h / 2.0;
  affine(p, {cos, sin, -cos * cx - sin * cy + cx, -sin, cos, sin * cx - cos * cy + cy}, fill, room);
}

}  // namespace fovea
