#include "kernels/im2win.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "kernels/conv_split.h"
#include "kernels/winograd.h"

namespace fovea::kernels {
namespace {

constexpr int64_t kSlice = 256;      // of the depth: its weights stay in L2 while all windows of a band pass
constexpr int kFewChannels = 16;     // a call for each pixel costs more than their copy
constexpr int64_t kBandPixels = 48;  // at least, if there are: so many read the weights once

}  // namespace

const char* im2win_cannot(const ConvShape& s, Direction direction) {
  if (s.groups != 1) return "groups";
  if (s.dw != 1) return "a dilation along the columns";
  if (direction == Direction::forward) return nullptr;
  return s.sh != 1 || s.sw != 1 || s.dh != 1 ? "the gradient of a stride or dilation" : nullptr;
}

// The direct kernel finds its pixels through pointers: what is copied here it need not copy. On the shapes of ResNet-50 and
// the twelve of the paper this one ran at 0.5 to 1.02 times its speed.
const char* im2win_refuses(const ConvShape& s, Direction direction) {
  if (const char* reason = im2win_cannot(s, direction)) return reason;
  return "no faster than the direct kernel on any shape measured";
}

Im2win::Im2win(const ConvShape& s, Direction direction, Isa isa, int threads)
    : shape_(winograd_shape(s, direction)),
      direction_(direction),
      set_(tile_set(isa)),
      panels_(set_.vectors_for(shape_.o), set_.vectors),
      threads_(static_cast<size_t>(threads)),
      zeros_(shape_.c) {
  FOVEA_CHECK(!im2win_cannot(s, direction));
  width_ = panels_.size(0) * set_.lanes;
  for (int64_t i = 1; i < panels_.count; i++) width_ = std::max(width_, panels_.size(i) * set_.lanes);
  depth_ = int64_t{shape_.kw} * shape_.kh * shape_.c;
  columns_ = int64_t{shape_.w} + shape_.pl + shape_.pr;
  band_rows_ = static_cast<int>(std::clamp<int64_t>((kBandPixels + shape_.ow() - 1) / shape_.ow(), 1, shape_.oh()));
  bands_ = (shape_.oh() + band_rows_ - 1) / band_rows_;
  threads_ = std::min<size_t>(threads_, static_cast<size_t>(shape_.n) * bands_);
  window_floats_ = static_cast<int64_t>(round_up(static_cast<size_t>(band_rows_ * columns_ * shape_.kh * shape_.c), 16));
  const size_t pointers = 2 * static_cast<size_t>(band_rows_) * shape_.ow();
  thread_bytes_ = static_cast<size_t>(window_floats_) * sizeof(float) + round_up(pointers * sizeof(float*), 64);
}

// [slice of kw x kh x c][panel][depth of the slice][width], as they are read; zero beyond the last channel.
void Im2win::pack(const float* w, float* packed, Pool& pool) const {
  const ConvShape& s = shape_;
  const int64_t taps = int64_t{s.kh} * s.kw;
  const bool forward = direction_ == Direction::forward;
  const Parts slices(depth_, kSlice);
  pool.each(slices.count * panels_.count, [&](int64_t i) {
    const int64_t slice = i / panels_.count, panel = i % panels_.count, first = slices.begin(slice);
    const int64_t o0 = panels_.begin(panel) * set_.lanes, count = std::min(panels_.size(panel) * set_.lanes, s.o - o0);
    float* to = packed + (first * panels_.count + panel * slices.size(slice)) * width_;
    for (int64_t d = first; d < slices.end(slice); d++, to += width_) {
      const int64_t k = d % s.c, tap = d / s.c % s.kh * s.kw + d / s.c / s.kh;
      const float* from = forward ? w + (o0 * taps + tap) * s.c + k : w + (k * taps + taps - 1 - tap) * s.o + o0;
      for (int64_t o = 0; o < count; o++) to[o] = from[forward ? o * taps * s.c : o];
      std::fill(to + count, to + width_, 0.f);
    }
  });
}

Im2win::Band Im2win::band(int64_t at) const {
  const int row = static_cast<int>(at % bands_) * band_rows_;
  return {at / bands_, row, std::min(band_rows_, shape_.oh() - row)};
}

void Im2win::run(const float* x, const float* packed, float* y, void* work, Pool& pool, const Epilogue* epilogue) const {
  const int threads = std::min(static_cast<int>(threads_), pool.size());
  pool.run([&](int thread) {
    if (thread >= threads) return;
    auto* windows = reinterpret_cast<float*>(static_cast<char*>(work) + static_cast<size_t>(thread) * thread_bytes_);
    auto** rows = reinterpret_cast<const float**>(windows + window_floats_);
    auto** results = const_cast<float**>(rows + int64_t{band_rows_} * shape_.ow());
    auto [begin, end] = share(int64_t{shape_.n} * bands_, thread, threads);
    for (int64_t i = begin; i < end; i++) {
      const Band b = band(i);
      copy_windows(x, b, windows);
      multiply(packed, y, b, windows, rows, results);
      const int64_t first = (b.image * shape_.oh() + b.row) * shape_.ow(), count = int64_t{b.rows} * shape_.ow();
      if (epilogue) (*epilogue)(y + first * shape_.o, first, count, shape_.o, 0, shape_.o);
    }
  });
}

void Im2win::copy_windows(const float* x, const Band& b, float* windows) const {
  const ConvShape& s = shape_;
  const size_t pixel = static_cast<size_t>(s.c) * sizeof(float);
  for (int i = b.row; i < b.row + b.rows; i++) {
    for (int64_t q = -s.pl; q < columns_ - s.pl; q++) {
      for (int u = 0; u < s.kh; u++, windows += s.c) {
        const int row = i * s.sh - s.pt + u * s.dh;
        const bool inside = row >= 0 && row < s.h && q >= 0 && q < s.w;
        const float* from = inside ? x + ((b.image * s.h + row) * s.w + q) * s.c : zeros_.data();
        if (s.c < kFewChannels) {
          for (int k = 0; k < s.c; k++) windows[k] = from[k];
        } else {
          std::memcpy(windows, from, pixel);
        }
      }
    }
  }
}

void Im2win::multiply(const float* packed, float* y, const Band& b, const float* windows, const float** rows,
                      float** results) const {
  const ConvShape& s = shape_;
  const int64_t count = int64_t{b.rows} * s.ow(), column = int64_t{s.kh} * s.c;
  float* out = y + (b.image * s.oh() + b.row) * s.ow() * s.o;
  for (int64_t p = 0; p < count; p++) {
    rows[p] = windows + (p / s.ow() * columns_ + p % s.ow() * s.sw) * column;
    results[p] = out + p * s.o;
  }
  const Parts slices(depth_, kSlice);
  Tile tile{};
  tile.lda = width_, tile.terms = 1;
  for (int64_t slice = 0; slice < slices.count; slice++) {
    tile.b_offset = slices.begin(slice), tile.depth = slices.size(slice), tile.accumulate = slice > 0;
    for (int64_t panel = 0; panel < panels_.count; panel++) {
      const int vectors = static_cast<int>(panels_.size(panel));
      const int64_t floats = slices.size(slice) * width_;
      const float* weights = packed + slices.begin(slice) * panels_.count * width_ + panel * floats;
      tile.a = &weights, tile.c_offset = panels_.begin(panel) * set_.lanes;
      tile.cols = static_cast<int>(std::min<int64_t>(panels_.size(panel) * set_.lanes, s.o - tile.c_offset));
      const Parts tiles(count, set_.rows_form_rows[vectors - 1]);
      tile.ahead_step = std::min<int64_t>(64, width_ * int64_t{sizeof(float)} / tiles.count + 1);
      for (int64_t t = 0; t < tiles.count; t++) {
        tile.ahead = reinterpret_cast<const char*>(weights + floats + floats * t / tiles.count);
        tile.b = rows + tiles.begin(t), tile.c = results + tiles.begin(t);
        set_.rows_form[vectors - 1][tiles.size(t) - 1](tile);
      }
    }
  }
}

}  // namespace fovea::kernels
