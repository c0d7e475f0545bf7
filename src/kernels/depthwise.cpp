#include "kernels/depthwise.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "kernels/depthwise_plan.h"
#include "kernels/isa/tables.h"

namespace fovea::kernels {
namespace {

const DepthwiseTable& table(Isa isa) { return FOVEA_TABLE(isa, depthwise); }

const char* row_name(Isa isa) {
  return isa == Isa::avx512 ? "depthwise_avx512" : isa == Isa::avx2 ? "depthwise_avx2" : "depthwise_portable";
}

WindowAxis rows_of(const ConvShape& s) { return {s.h, s.oh(), s.kh, s.sh, s.dh, s.pt}; }
WindowAxis columns_of(const ConvShape& s) { return {s.w, s.ow(), s.kw, s.sw, s.dw, s.pl}; }

// Packed weights: [block][kh][order of the plan][lanes], zero beyond the last channel.
struct Packing {
  const DepthwiseTable& isa;
  int channels, kh;
  std::vector<int> order;  // kernel column of every packed tap

  int lanes() const { return isa.lanes; }
  int64_t kw() const { return static_cast<int64_t>(order.size()); }
  int blocks() const { return (channels + lanes() - 1) / lanes(); }
  int64_t row() const { return kw() * lanes(); }
  int64_t block() const { return row() * kh; }
  size_t floats() const { return static_cast<size_t>(block() * blocks()); }
  int width(int b) const { return std::min(lanes(), channels - b * lanes()); }  // channels of block b

  // Runs of consecutive kernel columns, up or down, are transposed at once: body(first tap, count, step of the column).
  template <class F>
  void runs(F&& body) const {
    int n = static_cast<int>(order.size());
    for (int first = 0, end; first < n; first = end) {
      int step = first + 1 < n && order[first + 1] == order[first] - 1 ? -1 : 1;
      for (end = first + 1; end < n && order[end] == order[end - 1] + step;) end++;
      body(first, end - first, step);
    }
  }

  void pack(const float* w, float* packed, int b) const {  // from [c,kh,kw]
    float* to = packed + b * block();
    if (width(b) < lanes()) std::memset(to, 0, static_cast<size_t>(block()) * sizeof(float));
    for (int u = 0; u < kh; u++) {
      const float* from = w + (int64_t{b} * lanes() * kh + u) * kw();
      runs([&](int first, int count, int step) {
        int lowest = step > 0 ? first : first + count - 1;  // the tap of the run's lowest column
        isa.transpose(to + u * row() + lowest * lanes(), step * lanes(), from + order[lowest], kh * kw(), width(b), count,
                      1.f, false);
      });
    }
  }

  void unpack(const float* packed, float* w, int b) const {  // to [c,kh,kw]
    for (int u = 0; u < kh; u++) {
      float* to = w + (int64_t{b} * lanes() * kh + u) * kw();
      runs([&](int first, int count, int step) {
        int lowest = step > 0 ? first : first + count - 1;
        const float* from = packed + b * block() + u * row() + lowest * lanes();
        isa.transpose(to + order[lowest], kh * kw(), from, step * lanes(), count, width(b), 1.f, false);
      });
    }
  }
};

// Some rows of one channel block of one image.
struct Part {
  int row, height, block;
};

// Windows over a source image give a destination image; forward, or backward with the transposed plan.
struct Walk {
  const DepthwiseTable& isa;
  int images, source_h, source_w, h, w, channels;  // h, w: of the destination
  WindowTaps rows;
  DepthwiseColumns columns;

  // Runs kernel on every tile of a part, down its rows. `scratch` takes a compact copy of what they read, if that pays.
  void run(void (*const* kernels)(const DepthwiseStrip&), const Part& part, const Packing& packing, const float* source,
           float* packed, float* pixels, float* scratch) const {
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

  // Rows of a strip, so that what all channels of it read stays in L2.
  int strip_rows() const {
    constexpr int64_t kBytes = 512 << 10;
    int64_t row_bytes = int64_t{4} * channels * std::max(w, source_w);
    return static_cast<int>(std::clamp<int64_t>(kBytes / row_bytes, 1, h));
  }

  // The source rows [first, end) that some rows of the destination read.
  std::pair<int, int> reads(int row, int height) const {
    int first = source_h, end = 0;
    for (int at = rows.begin[row]; at < rows.begin[row + height]; at++) {
      first = std::min(first, rows.taps[at].at);
      end = std::max(end, rows.taps[at].at + 1);
    }
    return {std::min(first, end), end};
  }

  // Pixels that lie a large power of two apart share a few sets of L1, and the window's rows would drive each other out.
  // A small window reads a pixel too few times to pay for the copy.
  bool compact() const {
    constexpr int kSets = 64, kWays = 16, kWorth = 20;  // more ways than there are: some conflicts cost less than the copy
    int line = std::max(1, channels / 16), sets = kSets / std::gcd(line, kSets);
    int taps = static_cast<int>(columns.order.size()), tallest = 0;
    for (int y = 0; y < h; y++) tallest = std::max(tallest, rows.count(y));
    return taps * tallest >= kWorth && std::min(source_w, isa.pixels + taps - 1) * tallest > sets * kWays;
  }

  size_t scratch_floats(int height) const {
    if (!compact()) return 0;
    int most = 0;
    for (int row = 0; row + height <= h; row++) {
      auto [first, end] = reads(row, height);
      most = std::max(most, end - first);
    }
    return static_cast<size_t>(most) * source_w * isa.lanes;
  }
};

Walk forward_walk(const ConvShape& s, Isa isa) {
  const DepthwiseTable& t = table(isa);
  return {t, s.n, s.h, s.w, s.oh(), s.ow(), s.c, window_taps(rows_of(s)), depthwise_columns(columns_of(s), t.pixels)};
}

Walk backward_walk(const ConvShape& s, Isa isa) {
  const DepthwiseTable& t = table(isa);
  return {t,
          s.n,
          s.oh(),
          s.ow(),
          s.h,
          s.w,
          s.c,
          window_taps_transposed(rows_of(s)),
          depthwise_columns_transposed(columns_of(s), t.pixels)};
}

// Threads share (image, strip of rows, channel block) evenly, in this order.
template <class Base>
class Windows final : public Base {
 public:
  Windows(Walk walk, int kh, Isa isa, int threads)
      : walk_(std::move(walk)), packing_{walk_.isa, walk_.channels, kh, walk_.columns.order}, name_(row_name(isa)) {
    int64_t wanted = 8 * threads, whole = int64_t{walk_.images} * packing_.blocks();  // enough units to share evenly
    int64_t strips = std::max<int64_t>((walk_.h + walk_.strip_rows() - 1) / walk_.strip_rows(),
                                       threads == 1 ? 1 : (wanted + whole - 1) / whole);
    strips_ = std::min<int64_t>(strips, walk_.h);
    scratch_ = walk_.scratch_floats(static_cast<int>((walk_.h + strips_ - 1) / strips_));
    threads_ = threads;
  }

  const char* name() const override { return name_; }
  size_t packed_floats() const override { return packing_.floats(); }
  size_t workspace_bytes() const override { return scratch_ * static_cast<size_t>(threads_) * sizeof(float); }
  size_t part_workspace_bytes() const { return scratch_ * sizeof(float); }

  void pack(const float* w, float* packed, Pool& pool) const override {
    pool.run([&](int thread) {
      auto [begin, end] = share(packing_.blocks(), thread, pool.size());
      for (int64_t b = begin; b < end; b++) packing_.pack(w, packed, static_cast<int>(b));
    });
  }

  void run(const float* x, const float* packed, float* y, void* work, Pool& pool, const Epilogue* epilogue) const override {
    int64_t blocks = packing_.blocks();
    pool.run([&](int thread) {
      auto [begin, end] = share(walk_.images * strips_ * blocks, thread, pool.size());
      float* scratch = static_cast<float*>(work) + scratch_ * static_cast<size_t>(thread);
      while (begin < end) {
        int64_t strip = begin / blocks, block = begin % blocks, stop = std::min(blocks, block + end - begin);
        one_strip(x, packed, y, scratch, strip, static_cast<int>(block), static_cast<int>(stop), epilogue);
        begin += stop - block;
      }
    });
  }

  // Strip by strip, since the scratch is made for those.
  void run_part(const float* x, const float* packed, float* y, void* work, int64_t first, int64_t count,
                const Epilogue* epilogue) const {
    const int most = static_cast<int>(walk_.h / strips_), row = static_cast<int>(first / walk_.w % walk_.h);
    const int end = row + static_cast<int>(count / walk_.w);
    for (int at = row; at < end; at += most) {
      some_rows(x, packed, y, static_cast<float*>(work), first / walk_.w / walk_.h, at, std::min(most, end - at), 0,
                packing_.blocks(), epilogue);
    }
  }

 private:
  void one_strip(const float* x, const float* packed, float* y, float* scratch, int64_t strip, int block, int stop,
                 const Epilogue* epilogue) const {
    const int64_t at = strip % strips_;
    const int row = static_cast<int>(walk_.h * at / strips_), height = static_cast<int>(walk_.h * (at + 1) / strips_) - row;
    some_rows(x, packed, y, scratch, strip / strips_, row, height, block, stop, epilogue);
  }

  void some_rows(const float* x, const float* packed, float* y, float* scratch, int64_t image, int row, int height,
                 int block, int stop, const Epilogue* epilogue) const {
    const int64_t c = walk_.channels;
    const float* source = x + image * walk_.source_h * walk_.source_w * c;
    float* pixels = y + image * walk_.h * walk_.w * c;
    for (int b = block; b < stop; b++) {
      walk_.run(walk_.isa.forward, {row, height, b}, packing_, source, const_cast<float*>(packed), pixels, scratch);
    }
    int64_t c0 = int64_t{block} * walk_.isa.lanes, c1 = std::min<int64_t>(c, int64_t{stop} * walk_.isa.lanes);
    int64_t first = int64_t{row} * walk_.w, count = int64_t{height} * walk_.w;
    if (epilogue) (*epilogue)(pixels + first * c + c0, image * walk_.h * walk_.w + first, count, c, c0, c1);
  }

  Walk walk_;
  Packing packing_;
  const char* name_;
  int64_t strips_;
  size_t scratch_;  // floats of a thread
  int threads_;
};

// The output rows are cut into parts by the shape alone, so that any number of threads adds in the same order; a thread
// takes one part of a few channel blocks whose sums stay in L1.
class WeightSums final : public DepthwiseBackwardWeight {
 public:
  WeightSums(const ConvShape& s, Isa isa, int threads)
      : walk_(forward_walk(s, isa)), packing_{walk_.isa, s.c, s.kh, walk_.columns.order}, name_(row_name(isa)) {
    constexpr int64_t kUnits = 16;    // enough to share evenly among a few threads
    constexpr int64_t kPixels = 128;  // at least, of a part: its sums must be written and added too
    int64_t rows = int64_t{s.n} * walk_.h;
    group_ = std::max(1, 64 / walk_.isa.lanes);
    groups_ = (packing_.blocks() + group_ - 1) / group_;
    parts_ = std::clamp<int64_t>(std::min<int64_t>(kUnits / groups_, rows * walk_.w / kPixels), 1, rows);
    scratch_ = walk_.scratch_floats(walk_.strip_rows());
    threads_ = threads;
  }

  const char* name() const override { return name_; }
  size_t workspace_bytes() const override {
    return (packing_.floats() * static_cast<size_t>(parts_) + scratch_ * static_cast<size_t>(threads_)) * sizeof(float);
  }

  void run(const float* x, const float* dy, float* dw, void* work, Pool& pool) const override {
    auto* sums = static_cast<float*>(work);
    pool.run([&](int thread) {
      float* scratch = sums + packing_.floats() * static_cast<size_t>(parts_) + scratch_ * static_cast<size_t>(thread);
      auto [begin, end] = share(parts_ * groups_, thread, pool.size());
      for (int64_t unit = begin; unit < end; unit++)
        one_unit(x, dy, sums, scratch, unit / groups_, static_cast<int>(unit % groups_));
    });
    pool.run([&](int thread) {
      auto [begin, end] = share(packing_.blocks(), thread, pool.size());
      for (int64_t b = begin; b < end; b++) finish_block(sums, dw, static_cast<int>(b));
    });
  }

 private:
  void one_unit(const float* x, const float* dy, float* sums, float* scratch, int64_t part, int group) const {
    int64_t rows = int64_t{walk_.images} * walk_.h, c = walk_.channels;
    int block = group * group_, blocks = std::min(group_, packing_.blocks() - block);
    sums += part * static_cast<int64_t>(packing_.floats());
    std::memset(sums + block * packing_.block(), 0, static_cast<size_t>(blocks * packing_.block()) * sizeof(float));
    int64_t begin = rows * part / parts_, end = rows * (part + 1) / parts_;
    while (begin < end) {
      int64_t image = begin / walk_.h, row = begin % walk_.h;
      int64_t height = std::min({int64_t{walk_.strip_rows()}, walk_.h - row, end - begin});
      const float* source = x + image * walk_.source_h * walk_.source_w * c;
      float* pixels = const_cast<float*>(dy) + image * walk_.h * walk_.w * c;
      for (int b = block; b < block + blocks; b++) {
        walk_.run(walk_.isa.weights, {static_cast<int>(row), static_cast<int>(height), b}, packing_, source, sums, pixels,
                  scratch);
      }
      begin += height;
    }
  }

  // Adds the parts in their order to the first.
  void finish_block(float* sums, float* dw, int b) const {
    float* sum = sums + b * packing_.block();
    for (int64_t part = 1; part < parts_; part++) {
      const float* more = sum + part * static_cast<int64_t>(packing_.floats());
      for (int64_t i = 0; i < packing_.block(); i++) sum[i] += more[i];
    }
    packing_.unpack(sums, dw, b);
  }

  Walk walk_;
  Packing packing_;
  const char* name_;
  int group_, groups_, threads_;
  int64_t parts_;
  size_t scratch_;  // floats of a thread
};

}  // namespace

const char* depthwise_refuses(const ConvShape& s) {
  return s.depthwise() ? nullptr : "not one output channel per input channel";
}

std::unique_ptr<DepthwiseForward> DepthwiseForward::make(const ConvShape& s, Isa isa, int threads) {
  if (depthwise_refuses(s)) return nullptr;
  return std::make_unique<Windows<DepthwiseForward>>(forward_walk(s, isa), s.kh, isa, threads);
}

std::unique_ptr<DepthwiseBackwardData> DepthwiseBackwardData::make(const ConvShape& s, Isa isa, int threads) {
  if (depthwise_refuses(s)) return nullptr;
  return std::make_unique<Windows<DepthwiseBackwardData>>(backward_walk(s, isa), s.kh, isa, threads);
}

std::unique_ptr<DepthwiseBackwardWeight> DepthwiseBackwardWeight::make(const ConvShape& s, Isa isa, int threads) {
  if (depthwise_refuses(s)) return nullptr;
  return std::make_unique<WeightSums>(s, isa, threads);
}

}  // namespace fovea::kernels
