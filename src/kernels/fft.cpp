#include "kernels/fft.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "kernels/isa/tables.h"

namespace fovea::kernels {
namespace {

// Operations for each point of a pass, loads, stores and twiddles included.
constexpr double kRadixCost[FftTable::kMostRadix + 1] = {0, 0, 8, 11, 10, 14, 13, 17, 13, 21};

// The cheapest factors of n among the radices, or none.
std::pair<double, std::vector<int>> factors(int n) {
  if (n == 1) return {0, {}};
  std::pair<double, std::vector<int>> best{1e30, {}};
  for (int r = FftTable::kMostRadix; r > 1; r--) {
    if (n % r != 0) continue;
    auto [cost, more] = factors(n / r);
    if (cost + kRadixCost[r] >= best.first) continue;
    more.insert(more.begin(), r);
    best = {cost + kRadixCost[r], more};
  }
  return best;
}

struct Choice {
  int n = 0;
  double cost = 1e30;
  std::vector<int> radices;
};

Choice choose(int least) {
  Choice best;
  for (int n = least; n <= least + least / 8 + 16; n++) {
    const auto [cost, radices] = factors(n);
    if (n * cost < best.cost) best = {n, n * cost, radices};
  }
  return best;
}

// The smallest circle on which outputs meet inputs through their own taps alone.
int circle(int in, int out, int taps, int pad) { return std::max({in + pad, out + taps - 1 - pad, taps, in, out}); }
int row_circle(const ConvShape& s) { return circle(s.h, s.oh(), s.kh, s.pt); }
int column_circle(const ConvShape& s) { return circle(s.w, s.ow(), s.kw, s.pl); }

constexpr int kFewTaps = 64;  // never worth it: nothing else is looked at
const char* const kSlower = "slower than direct sums here";

// Operations of the parts of a block of channels, fitted to measurements: with vectors of 16, one takes as long as a product
// of the direct kernel, whose weight gradient takes 1.25 times as long.
struct Cost {
  explicit Cost(const ConvShape& s)
      : rows(Fft::size(row_circle(s))),
        columns(Fft::size(column_circle(s))),
        half(std::floor(columns / 2) + 1),
        column(Fft::cost(row_circle(s))),
        line(Fft::cost(column_circle(s)) + 6 * columns) {}
  double lines(int n) const {
    const int pairs = (n + 1) / 2;  // two make one transform
    return rows == 1 ? line / 2 : line * pairs;
  }
  double rows, columns, half, column, line;
};

// Those of a channel of one image that meet no padding.
double products(const ConvShape& s) {
  const auto along = [](int in, int out, int taps, int pad) {
    double sum = 0;
    for (int v = 0; v < taps; v++) sum += std::max(0, std::min(out, in + pad - v) - std::max(0, pad - v));
    return sum;
  };
  return along(s.h, s.oh(), s.kh, s.pt) * along(s.w, s.ow(), s.kw, s.pl);
}

}  // namespace

const char* fft_cannot(const ConvShape& s) {
  if (!s.depthwise()) return "not one output channel per input channel";
  if (s.sh != 1 || s.sw != 1) return "a stride";
  if (s.dh != 1 || s.dw != 1) return "a dilation";
  if (std::min({s.pt, s.pl, s.pb, s.pr}) < 0 || s.pt >= s.kh || s.pl >= s.kw) return "paddings beyond the kernel";
  return nullptr;
}

const char* fft_refuses(const ConvShape& s, bool changing) {
  if (const char* reason = fft_cannot(s)) return reason;
  if (s.kh * s.kw < kFewTaps) return kSlower;
  const Cost c(s);
  const double packing = changing ? (c.lines(s.kh) + c.half * c.column) / s.n : 0;
  const double fft = c.lines(s.h) + c.lines(s.oh()) + c.half * (2 * c.column + 10 * c.rows) + packing;
  return 1.18 * fft < products(s) ? nullptr : kSlower;
}

const char* fft_weight_refuses(const ConvShape& s) {
  if (const char* reason = fft_cannot(s)) return reason;
  if (s.kh * s.kw < kFewTaps) return kSlower;
  const Cost c(s);
  const double images = c.lines(s.h) + c.lines(s.oh()) + c.half * (2 * c.column + 14 * c.rows);
  const double fft = images + (c.lines(s.kh) + c.half * c.column) / s.n;
  return 0.94 * fft < products(s) ? nullptr : kSlower;
}

Fft::Fft(int least, const FftTable& table) : table_(table) {
  const Choice choice = choose(least);
  n_ = choice.n;
  int64_t n = n_, stride = 1;
  for (int radix : choice.radices) {
    Pass pass{radix, n / radix, stride, {}};
    for (int64_t p = 0; p < pass.rest; p++) {
      for (int k = 1; k < radix; k++) {
        const double angle = 2 * std::numbers::pi * static_cast<double>(p * k % n) / static_cast<double>(n);
        pass.twiddles.push_back(static_cast<float>(std::cos(angle)));
        pass.twiddles.push_back(static_cast<float>(std::sin(angle)));
      }
    }
    n /= radix, stride *= radix;
    passes_.push_back(std::move(pass));
  }
}

double Fft::cost(int least) { return choose(least).cost; }
int Fft::size(int least) { return choose(least).n; }

float* Fft::transform(float* a, float* b, bool inverse) const {
  for (const Pass& p : passes_) {
    table_.pass[p.radix](a, b, p.rest, p.stride, p.twiddles.data(), inverse);
    std::swap(a, b);
  }
  return a;
}

FftPlanes::FftPlanes(const ConvShape& s, Isa isa)
    : shape_(s),
      table_(FOVEA_TABLE(isa, fft)),
      rows_(row_circle(s), table_),
      columns_(column_circle(s), table_),
      packing_{FOVEA_TABLE(isa, depthwise), s.c, 1, {}} {
  FOVEA_CHECK(!fft_cannot(s));
  for (int tap = 0; tap < s.kh * s.kw; tap++) packing_.order.push_back(tap);
  planes_ = rows_.size() == 1 ? 2 : 1;
  groups_ = (packing_.blocks() + planes_ - 1) / planes_;
  lines_ = planes_ * std::max({s.h, s.oh(), s.kh});
  point_ = int64_t{2} * table_.lanes, line_ = columns_.half() * point_;
}

// A last row without a partner has the next one's place for the spectrum of nothing.
size_t FftPlanes::space_floats() const {
  return static_cast<size_t>((lines_ + 1) * line_ + 2 * std::max(rows_.size(), columns_.size()) * point_);
}

FftPlanes::Space FftPlanes::space(float* work) const {
  float* lines = work + (lines_ + 1) * line_;
  return {work, lines, lines + std::max(rows_.size(), columns_.size()) * point_};
}

int FftPlanes::blocks_of(int64_t group) const {
  return static_cast<int>(std::min<int64_t>(planes_, packing_.blocks() - group * planes_));
}

// Rows of a group's planes, two at a time: one is the real part of a line, the other the imaginary part.
// step: floats from a pixel to the next; plane_step: from a channel block to the next.
template <class F>
void FftPlanes::each_pair(float* pixels, int64_t step, int64_t plane_step, int64_t group, const Area& area, F&& body) const {
  const int64_t rows = area.rows.count, lines = blocks_of(group) * rows;
  const auto row = [&](int64_t i) { return pixels + i / rows * plane_step + i % rows * area.columns.count * step; };
  const auto channels = [&](int64_t i) { return packing_.width(static_cast<int>(group * planes_ + i / rows)); };
  for (int64_t i = 0; i < lines; i += 2) {
    const bool two = i + 1 < lines;
    body(i, FftPair{row(i), two ? row(i + 1) : nullptr, step, channels(i), two ? channels(i + 1) : 0});
  }
}

void FftPlanes::forward_rows(const float* pixels, int64_t step, int64_t plane_step, int64_t group, const Area& area,
                             float* spectra, const Space& s) const {
  each_pair(const_cast<float*>(pixels), step, plane_step, group, area, [&](int64_t i, const FftPair& pair) {
    table_.load(s.a, pair, area.columns);
    float* to = spectra + i * line_;
    table_.split(columns_.transform(s.a, s.b, false), to, to + line_, columns_.size());
  });
}

void FftPlanes::backward_rows(float* pixels, int64_t step, int64_t plane_step, int64_t group, const Area& area,
                              float* spectra, const Space& s) const {
  each_pair(pixels, step, plane_step, group, area, [&](int64_t i, const FftPair& pair) {
    float* from = spectra + i * line_;
    if (!pair.second) std::fill_n(from + line_, line_, 0.f);
    table_.join(from, from + line_, s.a, columns_.size());
    table_.store(columns_.transform(s.a, s.b, true), pair, area.columns);
  });
}

FftConv::FftConv(const ConvShape& s, Direction direction, Isa isa, int threads) : FftPlanes(s, isa), threads_(threads) {
  const bool forward = direction == Direction::forward;
  in_h_ = forward ? s.h : s.oh(), in_w_ = forward ? s.w : s.ow();
  out_h_ = forward ? s.oh() : s.h, out_w_ = forward ? s.ow() : s.w;
  // y[o] meets x[o - pad + tap]: tap t lies at pad - t, and turned around for the gradient at t - pad.
  const auto place = [&](int64_t n, int taps, int pad) {
    const int64_t first = forward ? pad - taps + 1 : -pad;
    return FftPlace{n, (first % n + n) % n, taps};
  };
  kernel_ = {place(rows_.size(), s.kh, s.pt), place(columns_.size(), s.kw, s.pl)};
  if (forward) std::reverse(packing_.order.begin(), packing_.order.end());
  spectrum_ = static_cast<size_t>(columns_.half() * rows_.size() * point_);
}

void FftConv::pack(const float* w, float* packed, Pool& pool) const {
  float* scratch = packed + spectrum_ * static_cast<size_t>(packing_.blocks()) + packing_.floats();
  const int threads = std::min(static_cast<int>(threads_), pool.size());
  pool.run([&](int thread) {
    if (thread >= threads) return;
    auto [begin, end] = share(groups_, thread, threads);
    for (int64_t g = begin; g < end; g++) pack_group(w, packed, scratch + space_floats() * static_cast<size_t>(thread), g);
  });
}

// The spectra of some blocks' kernels [block][half][row], with the factor that the way there and back leaves behind.
void FftConv::pack_group(const float* w, float* packed, float* scratch, int64_t group) const {
  const Space s = space(scratch);
  const int blocks = blocks_of(group);
  const int64_t first = group * planes_, block = packing_.block(), rows = shape_.kh, half = columns_.half();
  float* taps = packed + spectrum_ * static_cast<size_t>(packing_.blocks());  // [block][kh][kw][lanes]
  for (int b = 0; b < blocks; b++) packing_.pack(w, taps, static_cast<int>(first + b));
  taps += first * block;
  const float scale = 0.25f / static_cast<float>(rows_.size() * columns_.size());
  for (int64_t i = 0; i < blocks * block; i++) taps[i] *= scale;
  forward_rows(taps, packing_.lanes(), block, group, kernel_, s.spectra, s);
  for (int b = 0; b < blocks; b++) {
    float* to = packed + static_cast<size_t>(first + b) * spectrum_;
    for (int64_t k = 0; k < half; k++, to += rows_.size() * point_) {
      table_.gather(s.a, s.spectra + b * rows * line_ + k * point_, line_, kernel_.rows);
      const float* line = rows_.transform(s.a, s.b, false);
      std::copy_n(line, rows_.size() * point_, to);
    }
  }
}

void FftConv::run(const float* in, const float* packed, float* out, void* work, Pool& pool, const Epilogue* epilogue) const {
  const int threads = std::min(static_cast<int>(threads_), pool.size());
  pool.run([&](int thread) {
    if (thread >= threads) return;
    auto [begin, end] = share(shape_.n * groups_, thread, threads);
    float* own = static_cast<float*>(work) + space_floats() * static_cast<size_t>(thread);
    for (int64_t unit = begin; unit < end; unit++) {
      const int64_t image = unit / groups_, group = unit % groups_, pixels = int64_t{out_h_} * out_w_, c = shape_.c;
      run_group(in, packed, out, own, image, group);
      if (!epilogue) continue;
      const int64_t c0 = group * planes_ * table_.lanes, c1 = std::min(c, c0 + planes_ * table_.lanes);
      (*epilogue)(out + image * pixels * c + c0, image * pixels, pixels, c, c0, c1);
    }
  });
}

void FftConv::run_group(const float* in, const float* packed, float* out, float* work, int64_t image, int64_t group) const {
  const Space s = space(work);
  const int64_t c = shape_.c, c0 = group * planes_ * table_.lanes;
  const Area source{{rows_.size(), 0, in_h_}, {columns_.size(), 0, in_w_}};
  const Area result{{rows_.size(), 0, out_h_}, {columns_.size(), 0, out_w_}};
  forward_rows(in + image * in_h_ * in_w_ * c + c0, c, table_.lanes, group, source, s.spectra, s);
  for (int b = 0; b < blocks_of(group); b++) {
    const float* spectrum = packed + static_cast<size_t>(group * planes_ + b) * spectrum_;
    for (int64_t k = 0; k < columns_.half(); k++, spectrum += rows_.size() * point_) {
      float* column = s.spectra + k * point_;
      table_.gather(s.a, column + b * in_h_ * line_, line_, source.rows);
      float* line = rows_.transform(s.a, s.b, false);
      table_.multiply(line, spectrum, rows_.size());
      line = rows_.transform(line, line == s.a ? s.b : s.a, true);
      table_.scatter(line, column + b * out_h_ * line_, line_, result.rows);
    }
  }
  backward_rows(out + image * out_h_ * out_w_ * c + c0, c, table_.lanes, group, result, s.spectra, s);
}

FftWeightConv::FftWeightConv(const ConvShape& s, Isa isa, int threads) : FftPlanes(s, isa), threads_(threads) {
  sums_ = columns_.half() * rows_.size() * point_;
  scratch_ = 2 * space_floats() + static_cast<size_t>(planes_ * sums_);
}

void FftWeightConv::run(const float* x, const float* dy, float* dw, void* work, Pool& pool) const {
  auto* taps = static_cast<float*>(work);  // [block][kh][kw][lanes]
  const int threads = std::min(static_cast<int>(threads_), pool.size());
  pool.run([&](int thread) {
    if (thread >= threads) return;
    auto [begin, end] = share(groups_, thread, threads);
    float* own = taps + packing_.floats() + scratch_ * static_cast<size_t>(thread);
    for (int64_t g = begin; g < end; g++) {
      run_group(x, dy, taps, own, g);
      for (int b = 0; b < blocks_of(g); b++) packing_.unpack(taps, 1, dw, static_cast<int>(g * planes_ + b));
    }
  });
}

// dw[tap] = the sum of dy[o] x[o - pad + tap]: the spectra of x times the conjugates of dy's, summed over the images.
void FftWeightConv::run_group(const float* x, const float* dy, float* taps, float* work, int64_t group) const {
  const Space s = space(work), t = space(work + space_floats());
  float* sums = work + 2 * space_floats();
  const ConvShape& shape = shape_;
  const int64_t c = shape.c, c0 = group * planes_ * table_.lanes, half = columns_.half(), blocks = blocks_of(group);
  const Area source{{rows_.size(), 0, shape.h}, {columns_.size(), 0, shape.w}};
  const Area result{{rows_.size(), 0, shape.oh()}, {columns_.size(), 0, shape.ow()}};
  std::fill_n(sums, blocks * sums_, 0.f);
  for (int64_t image = 0; image < shape.n; image++) {
    forward_rows(x + image * shape.h * shape.w * c + c0, c, table_.lanes, group, source, s.spectra, s);
    forward_rows(dy + image * shape.oh() * shape.ow() * c + c0, c, table_.lanes, group, result, t.spectra, t);
    float* sum = sums;
    for (int64_t i = 0; i < blocks * half; i++, sum += rows_.size() * point_) {
      const int64_t b = i / half, k = i % half;
      table_.gather(s.a, s.spectra + b * shape.h * line_ + k * point_, line_, source.rows);
      table_.gather(t.a, t.spectra + b * shape.oh() * line_ + k * point_, line_, result.rows);
      table_.correlate(sum, rows_.transform(s.a, s.b, false), rows_.transform(t.a, t.b, false), rows_.size());
    }
  }
  const auto place = [](int64_t n, int count, int pad) { return FftPlace{n, (n - pad) % n, count}; };
  const Area kernel{place(rows_.size(), shape.kh, shape.pt), place(columns_.size(), shape.kw, shape.pl)};
  float* sum = sums;
  for (int64_t i = 0; i < blocks * half; i++, sum += rows_.size() * point_) {
    std::copy_n(sum, rows_.size() * point_, s.a);
    const float* line = rows_.transform(s.a, s.b, true);
    table_.scatter(line, s.spectra + i / half * shape.kh * line_ + i % half * point_, line_, kernel.rows);
  }
  float* to = taps + group * planes_ * packing_.block();
  backward_rows(to, table_.lanes, packing_.block(), group, kernel, s.spectra, s);
  const float scale = 0.25f / static_cast<float>(rows_.size() * columns_.size());
  for (int64_t i = 0; i < blocks * packing_.block(); i++) to[i] *= scale;
}

}  // namespace fovea::kernels
