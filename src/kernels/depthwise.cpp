#include "kernels/depthwise.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace fovea::kernels {

static const char* row_name(Isa isa) {
  return isa == Isa::avx512 ? "depthwise_avx512" : isa == Isa::avx2 ? "depthwise_avx2" : "depthwise_portable";
}

DepthwiseConv::DepthwiseConv(const ConvShape& s, Direction direction, Isa isa, int threads)
    : walk_(depthwise_walk(s, direction, isa)), packing_{walk_.isa, s.c, s.kh, walk_.columns.order}, name_(row_name(isa)) {
  FOVEA_CHECK(s.depthwise());
  int64_t wanted = 8 * threads, whole = int64_t{walk_.images} * packing_.blocks();  // enough units to share evenly
  int64_t strips = std::max<int64_t>((walk_.h + walk_.strip_rows() - 1) / walk_.strip_rows(),
                                     threads == 1 ? 1 : (wanted + whole - 1) / whole);
  strips_ = std::min<int64_t>(strips, walk_.h);
  scratch_ = walk_.scratch_floats(static_cast<int>((walk_.h + strips_ - 1) / strips_));
  threads_ = threads;
}

void DepthwiseConv::pack(const float* w, float* packed, Pool& pool) const {
  pool.run([&](int thread) {
    auto [begin, end] = share(packing_.blocks(), thread, pool.size());
    for (int64_t b = begin; b < end; b++) packing_.pack(w, packed, static_cast<int>(b));
  });
}

void DepthwiseConv::run(const float* x, const float* packed, float* y, void* work, Pool& pool,
                        const Epilogue* epilogue) const {
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
void DepthwiseConv::run_part(const float* x, const float* packed, float* y, void* work, int64_t first, int64_t count,
                             const Epilogue* epilogue) const {
  const int most = static_cast<int>(walk_.h / strips_), row = static_cast<int>(first / walk_.w % walk_.h);
  const int end = row + static_cast<int>(count / walk_.w);
  for (int at = row; at < end; at += most) {
    some_rows(x, packed, y, static_cast<float*>(work), first / walk_.w / walk_.h, at, std::min(most, end - at), 0,
              packing_.blocks(), epilogue);
  }
}

void DepthwiseConv::one_strip(const float* x, const float* packed, float* y, float* scratch, int64_t strip, int block,
                              int stop, const Epilogue* epilogue) const {
  const int64_t at = strip % strips_;
  const int row = static_cast<int>(walk_.h * at / strips_), height = static_cast<int>(walk_.h * (at + 1) / strips_) - row;
  some_rows(x, packed, y, scratch, strip / strips_, row, height, block, stop, epilogue);
}

void DepthwiseConv::some_rows(const float* x, const float* packed, float* y, float* scratch, int64_t image, int row,
                              int height, int block, int stop, const Epilogue* epilogue) const {
  const int64_t c = walk_.channels;
  const float* source = x + image * walk_.source_h * walk_.source_w * c;
  float* pixels = y + image * walk_.h * walk_.w * c;
  const TileFinish finish{.finish = epilogue ? epilogue->finish : nullptr, .y = y};
  for (int b = block; b < stop; b++) {
    walk_.run(walk_.isa.forward, {row, height, b, finish}, packing_, source, const_cast<float*>(packed), pixels, scratch);
  }
  if (!epilogue || finish.finish) return;
  int64_t c0 = int64_t{block} * walk_.isa.lanes, c1 = std::min<int64_t>(c, int64_t{stop} * walk_.isa.lanes);
  int64_t first = int64_t{row} * walk_.w, count = int64_t{height} * walk_.w;
  (*epilogue)(pixels + first * c + c0, image * walk_.h * walk_.w + first, count, c, c0, c1);
}

DepthwiseWeightConv::DepthwiseWeightConv(const ConvShape& s, Isa isa, int threads)
    : walk_(depthwise_walk(s, Direction::forward, isa)),
      packing_{walk_.isa, s.c, s.kh, walk_.columns.order},
      name_(row_name(isa)) {
  FOVEA_CHECK(s.depthwise());
  constexpr int64_t kUnits = 16;    // enough to share evenly among a few threads
  constexpr int64_t kPixels = 128;  // at least, of a part: its sums must be written and added too
  int64_t rows = int64_t{s.n} * walk_.h;
  group_ = std::max(1, 64 / walk_.isa.lanes);
  groups_ = (packing_.blocks() + group_ - 1) / group_;
  parts_ = std::clamp<int64_t>(std::min<int64_t>(kUnits / groups_, rows * walk_.w / kPixels), 1, rows);
  scratch_ = walk_.scratch_floats(walk_.strip_rows());
  threads_ = threads;
}

void DepthwiseWeightConv::run(const float* x, const float* dy, float* dw, void* work, Pool& pool) const {
  auto* sums = static_cast<float*>(work);
  pool.run([&](int thread) {
    float* scratch = sums + packing_.floats() * static_cast<size_t>(parts_) + scratch_ * static_cast<size_t>(thread);
    auto [begin, end] = share(parts_ * groups_, thread, pool.size());
    for (int64_t unit = begin; unit < end; unit++)
      one_unit(x, dy, sums, scratch, unit / groups_, static_cast<int>(unit % groups_));
  });
  pool.run([&](int thread) {
    auto [begin, end] = share(packing_.blocks(), thread, pool.size());
    for (int64_t b = begin; b < end; b++) packing_.unpack(sums, parts_, dw, static_cast<int>(b));
  });
}

void DepthwiseWeightConv::one_unit(const float* x, const float* dy, float* sums, float* scratch, int64_t part,
                                   int group) const {
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
      walk_.run(walk_.isa.weights, {.row = static_cast<int>(row), .height = static_cast<int>(height), .block = b}, packing_,
                source, sums, pixels, scratch);
    }
    begin += height;
  }
}

}  // namespace fovea::kernels
