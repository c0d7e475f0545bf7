#include "kernels/depthwise.h"

#include <algorithm>
#include <cstring>

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
  int channels, kh, lanes;
  std::vector<int> order;

  int blocks() const { return (channels + lanes - 1) / lanes; }
  int64_t row() const { return static_cast<int64_t>(order.size()) * lanes; }
  int64_t block() const { return row() * kh; }
  size_t floats() const { return static_cast<size_t>(block() * blocks()); }

  void pack_block(const float* w, float* packed, int b) const {
    int64_t kw = static_cast<int64_t>(order.size());
    for (int u = 0; u < kh; u++) {
      for (int64_t t = 0; t < kw; t++) {
        float* out = packed + b * block() + u * row() + t * lanes;
        for (int l = 0; l < lanes; l++) {
          int64_t channel = int64_t{b} * lanes + l;
          out[l] = channel < channels ? w[(channel * kh + u) * kw + order[t]] : 0.f;
        }
      }
    }
  }
};

// Windows over a source image give a destination image; forward, or backward with the transposed plan.
struct Walk {
  const DepthwiseTable& isa;
  int images, source_h, source_w, h, w, channels;  // h, w: of the destination
  WindowTaps rows;
  DepthwiseColumns columns;

  // The tile of `blocks` channel blocks from `block` on, at row y of the destination. Its pixels are at `pixels`.
  DepthwiseTile tile(const DepthwiseColumns::Tile& t, const Packing& packing, const float* source, const float* packed,
                     float* pixels, int y, int block, int blocks) const {
    int64_t c = channels;
    DepthwiseTile out;
    out.x = source + block * isa.lanes;
    out.y = pixels + t.y0 * c + block * isa.lanes;
    out.w = const_cast<float*>(packed) + block * packing.block();
    out.rows = rows.of(y);
    out.nrows = rows.count(y);
    out.pieces = columns.pieces.data() + t.first_piece;
    out.npieces = t.npieces;
    out.x_row = source_w * c;
    out.x_column = c;
    out.x_step = columns.x_step * c;
    out.y_step = columns.y_step * c;
    out.w_row = packing.row();
    out.w_block = packing.block();
    out.blocks = blocks;
    out.last = std::min(isa.lanes, channels - (block + blocks - 1) * isa.lanes);
    return out;
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

// Threads share (image, row, channel block) evenly, in this order.
template <class Base>
class Windows final : public Base {
 public:
  Windows(Walk walk, int kh, Isa isa)
      : walk_(std::move(walk)), packing_{walk_.channels, kh, walk_.isa.lanes, walk_.columns.order}, name_(row_name(isa)) {}

  const char* name() const override { return name_; }
  size_t packed_floats() const override { return packing_.floats(); }
  size_t workspace_bytes() const override { return 0; }

  void pack(const float* w, float* packed, Pool& pool) const override {
    pool.run([&](int thread) {
      auto [begin, end] = share(packing_.blocks(), thread, pool.size());
      for (int64_t b = begin; b < end; b++) packing_.pack_block(w, packed, static_cast<int>(b));
    });
  }

  void run(const float* x, const float* packed, float* y, void*, Pool& pool, const Epilogue* epilogue) const override {
    int64_t blocks = packing_.blocks();
    pool.run([&](int thread) {
      auto [begin, end] = share(int64_t{walk_.images} * walk_.h * blocks, thread, pool.size());
      while (begin < end) {
        int64_t row = begin / blocks, block = begin % blocks, stop = std::min(blocks, block + end - begin);
        one_row(x, packed, y, row, static_cast<int>(block), static_cast<int>(stop), epilogue);
        begin += stop - block;
      }
    });
  }

 private:
  void one_row(const float* x, const float* packed, float* y, int64_t row, int block, int stop,
               const Epilogue* epilogue) const {
    int64_t image = row / walk_.h, c = walk_.channels;
    const float* source = x + image * walk_.source_h * walk_.source_w * c;
    float* pixels = y + row * walk_.w * c;
    for (int b = block; b < stop; b++) {
      for (const auto& t : walk_.columns.tiles) {
        walk_.isa.forward[t.width - 1](
            walk_.tile(t, packing_, source, packed, pixels, static_cast<int>(row % walk_.h), b, 1));
      }
    }
    int64_t c0 = int64_t{block} * walk_.isa.lanes, c1 = std::min<int64_t>(c, int64_t{stop} * walk_.isa.lanes);
    if (epilogue) (*epilogue)(pixels + c0, row * walk_.w, walk_.w, c, c0, c1);
  }

  Walk walk_;
  Packing packing_;
  const char* name_;
};

// The output rows are cut into parts by the shape alone, so that any number of threads adds in the same order; a thread
// takes one part of a few channel blocks whose sums stay in L1.
class WeightSums final : public DepthwiseBackwardWeight {
 public:
  WeightSums(const ConvShape& s, Isa isa)
      : walk_(forward_walk(s, isa)), packing_{s.c, s.kh, walk_.isa.lanes, walk_.columns.order}, name_(row_name(isa)) {
    constexpr int64_t kUnits = 16;  // enough to share evenly among a few threads
    int64_t rows = int64_t{s.n} * walk_.h;
    group_ = std::max(1, 64 / walk_.isa.lanes);
    groups_ = (packing_.blocks() + group_ - 1) / group_;
    parts_ = std::clamp<int64_t>(kUnits / groups_, 1, rows);
  }

  const char* name() const override { return name_; }
  size_t workspace_bytes() const override { return packing_.floats() * static_cast<size_t>(parts_) * sizeof(float); }

  void run(const float* x, const float* dy, float* dw, void* work, Pool& pool) const override {
    auto* sums = static_cast<float*>(work);
    pool.each(parts_ * groups_,
              [&](int64_t unit) { one_unit(x, dy, sums, unit / groups_, static_cast<int>(unit % groups_)); });
    pool.run([&](int thread) {
      auto [begin, end] = share(packing_.blocks(), thread, pool.size());
      for (int64_t b = begin; b < end; b++) finish_block(sums, dw, b);
    });
  }

 private:
  void one_unit(const float* x, const float* dy, float* sums, int64_t part, int group) const {
    int64_t rows = int64_t{walk_.images} * walk_.h, c = walk_.channels;
    int block = group * group_, blocks = std::min(group_, packing_.blocks() - block);
    sums += part * static_cast<int64_t>(packing_.floats());
    std::memset(sums + block * packing_.block(), 0, static_cast<size_t>(blocks * packing_.block()) * sizeof(float));
    for (int64_t row = rows * part / parts_; row < rows * (part + 1) / parts_; row++) {
      const float* source = x + row / walk_.h * walk_.source_h * walk_.source_w * c;
      float* pixels = const_cast<float*>(dy) + row * walk_.w * c;
      for (const auto& t : walk_.columns.tiles) {
        walk_.isa.weights[t.width - 1](
            walk_.tile(t, packing_, source, sums, pixels, static_cast<int>(row % walk_.h), block, blocks));
      }
    }
  }

  // Adds the parts in their order and puts the taps back in theirs.
  void finish_block(const float* sums, float* dw, int64_t b) const {
    int64_t kw = static_cast<int64_t>(packing_.order.size()), lanes = packing_.lanes;
    for (int64_t at = 0; at < packing_.kh * kw; at++) {
      for (int64_t l = 0; l < lanes && b * lanes + l < packing_.channels; l++) {
        const float* from = sums + b * packing_.block() + at * lanes + l;
        float sum = 0;
        for (int64_t part = 0; part < parts_; part++) sum += from[part * static_cast<int64_t>(packing_.floats())];
        dw[(b * lanes + l) * packing_.kh * kw + at / kw * kw + packing_.order[at % kw]] = sum;
      }
    }
  }

  Walk walk_;
  Packing packing_;
  const char* name_;
  int group_, groups_;
  int64_t parts_;
};

}  // namespace

const char* depthwise_refuses(const ConvShape& s) {
  return s.depthwise() ? nullptr : "not one output channel per input channel";
}

std::unique_ptr<DepthwiseForward> DepthwiseForward::make(const ConvShape& s, Isa isa, int) {
  if (depthwise_refuses(s)) return nullptr;
  return std::make_unique<Windows<DepthwiseForward>>(forward_walk(s, isa), s.kh, isa);
}

std::unique_ptr<DepthwiseBackwardData> DepthwiseBackwardData::make(const ConvShape& s, Isa isa, int) {
  if (depthwise_refuses(s)) return nullptr;
  return std::make_unique<Windows<DepthwiseBackwardData>>(backward_walk(s, isa), s.kh, isa);
}

std::unique_ptr<DepthwiseBackwardWeight> DepthwiseBackwardWeight::make(const ConvShape& s, Isa isa, int) {
  if (depthwise_refuses(s)) return nullptr;
  return std::make_unique<WeightSums>(s, isa);
}

}  // namespace fovea::kernels
