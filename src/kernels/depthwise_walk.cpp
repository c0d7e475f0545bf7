#include "kernels/depthwise_walk.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "kernels/isa/tables.h"

namespace fovea::kernels {
namespace {

// Runs of consecutive kernel columns, up or down, are transposed at once: body(first tap, count, step of the column).
template <class F>
void runs(const std::vector<int>& order, F&& body) {
  int n = static_cast<int>(order.size());
  for (int first = 0, end; first < n; first = end) {
    int step = first + 1 < n && order[first + 1] == order[first] - 1 ? -1 : 1;
    for (end = first + 1; end < n && order[end] == order[end - 1] + step;) end++;
    body(first, end - first, step);
  }
}

WindowAxis rows_of(const ConvShape& s) { return {s.h, s.oh(), s.kh, s.sh, s.dh, s.pt}; }
WindowAxis columns_of(const ConvShape& s) { return {s.w, s.ow(), s.kw, s.sw, s.dw, s.pl}; }

}  // namespace

void DepthwisePacking::pack(const float* w, float* packed, int b) const {
  float* to = packed + b * block();
  if (width(b) < lanes()) std::memset(to, 0, static_cast<size_t>(block()) * sizeof(float));
  for (int u = 0; u < kh; u++) {
    const float* from = w + (int64_t{b} * lanes() * kh + u) * kw();
    runs(order, [&](int first, int count, int step) {
      int lowest = step > 0 ? first : first + count - 1;  // the tap of the run's lowest column
      isa.transpose(to + u * row() + lowest * lanes(), step * lanes(), from + order[lowest], kh * kw(), width(b), count, 1.f,
                    false);
    });
  }
}

void DepthwisePacking::unpack(float* parts, int64_t n, float* w, int b) const {
  float* sum = parts + b * block();
  for (int64_t part = 1; part < n; part++) {
    const float* more = sum + part * static_cast<int64_t>(floats());
    for (int64_t i = 0; i < block(); i++) sum[i] += more[i];
  }
  for (int u = 0; u < kh; u++) {
    float* to = w + (int64_t{b} * lanes() * kh + u) * kw();
    runs(order, [&](int first, int count, int step) {
      int lowest = step > 0 ? first : first + count - 1;
      const float* from = sum + u * row() + lowest * lanes();
      isa.transpose(to + order[lowest], kh * kw(), from, step * lanes(), count, width(b), 1.f, false);
    });
  }
}

void DepthwiseWalk::run(void (*const* kernels)(const DepthwiseStrip&), const DepthwisePart& part,
                        const DepthwisePacking& packing, const float* source, float* packed, float* pixels,
                        float* scratch) const {
  int64_t c = channels;
  DepthwiseStrip s;
  s.x = source + part.block * isa.lanes;
  s.w = packed + part.block * packing.block();
  s.taps = rows.taps.data();
  s.begin = rows.begin.data() + part.row;
  s.height = part.height;
  s.x_column = c;
  s.y_row = w * c;
  s.y_step = columns.y_step * c;
  s.w_row = packing.row();
  s.channels = packing.width(part.block);
  s.ahead = far();
  s.finish = part.finish, s.finish.channel = int64_t{part.block} * isa.lanes;
  if (compact()) {
    auto [first, end] = reads(part.row, part.height);
    isa.copy(scratch, s.x + first * source_w * c, int64_t{end - first} * source_w, c, s.channels);
    s.x_column = isa.lanes;
    s.x = scratch - int64_t{first} * source_w * s.x_column;
  }
  s.x_row = source_w * s.x_column;
  s.x_step = columns.x_step * s.x_column;
  for (const auto& tile : columns.tiles) {
    s.y = pixels + (part.row * int64_t{w} + tile.y0) * c + part.block * isa.lanes;
    s.pieces = columns.pieces.data() + tile.first_piece;
    s.npieces = tile.npieces;
    kernels[tile.width - 1](s);
  }
}

int DepthwiseWalk::strip_rows() const {
  constexpr int64_t kBytes = 512 << 10, kCopied = 256 << 10;  // of all channels; of those that are copied
  if (compact()) return static_cast<int>(std::clamp<int64_t>(kCopied / (4 * source_w * isa.lanes), 1, h));
  int64_t row_bytes = int64_t{4} * channels * std::max(w, source_w);
  return static_cast<int>(std::clamp<int64_t>(kBytes / row_bytes, 1, h));
}

// Whether all images together are so large that they come from beyond L2.
bool DepthwiseWalk::far() const {
  constexpr int64_t kBytes = 4 << 20;
  return 4 * int64_t{images} * channels * (int64_t{source_h} * source_w + int64_t{h} * w) > kBytes;
}

// The source rows [first, end) that some rows of the destination read.
std::pair<int, int> DepthwiseWalk::reads(int row, int height) const {
  int first = source_h, end = 0;
  for (int at = rows.begin[row]; at < rows.begin[row + height]; at++) {
    first = std::min(first, rows.taps[at].at);
    end = std::max(end, rows.taps[at].at + 1);
  }
  return {std::min(first, end), end};
}

// Pixels that lie a large power of two apart share a few sets of L1, and the window's rows would drive each other out.
// A small window reads a pixel too few times to pay for the copy.
bool DepthwiseWalk::compact() const {
  constexpr int kSets = 64, kWays = 16, kWorth = 20;  // more ways than there are: some conflicts cost less than the copy
  int line = std::max(1, channels / 16), sets = kSets / std::gcd(line, kSets);
  int taps = static_cast<int>(columns.order.size()), tallest = 0;
  for (int y = 0; y < h; y++) tallest = std::max(tallest, rows.count(y));
  return taps * tallest >= kWorth && std::min(source_w, isa.pixels + taps - 1) * tallest > sets * kWays;
}

size_t DepthwiseWalk::scratch_floats(int height) const {
  if (!compact()) return 0;
  int most = 0;
  for (int row = 0; row + height <= h; row++) {
    auto [first, end] = reads(row, height);
    most = std::max(most, end - first);
  }
  return static_cast<size_t>(most) * source_w * isa.lanes;
}

DepthwiseWalk depthwise_walk(const ConvShape& s, Direction direction, Isa isa) {
  const DepthwiseTable& t = FOVEA_TABLE(isa, depthwise);
  if (direction == Direction::forward)
    return {t, s.n, s.h, s.w, s.oh(), s.ow(), s.c, window_taps(rows_of(s)), depthwise_columns(columns_of(s), t.pixels)};
  WindowTaps rows = window_taps_transposed(rows_of(s));
  return {t, s.n, s.oh(), s.ow(), s.h, s.w, s.c, rows, depthwise_columns_transposed(columns_of(s), t.pixels)};
}

}  // namespace fovea::kernels
