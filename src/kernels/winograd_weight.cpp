#include "kernels/winograd_weight.h"

#include <algorithm>
#include <cstring>

#include "kernels/conv_split.h"
#include "kernels/isa/tables.h"
#include "kernels/winograd.h"

namespace fovea::kernels {
namespace {

constexpr int kTile = WinogradWeight::kTile, kPoints = WinogradWeight::kPoints;
constexpr int kBlock = 64;                    // channels: the sums of a block, 36 * 64 * 64 floats, stay in L2
constexpr int64_t kChunkFloats = 192 * 1024;  // of transformed tiles, which are written and read once
constexpr int64_t kSplitTiles = 128;          // the least worth a sum of its own
constexpr int64_t kTasks = 32;                // that many, whatever the threads

int64_t tiles_of(const ConvShape& s) { return s.n * ceil_div(s.oh(), kTile) * ceil_div(s.ow(), kTile); }
int64_t splits_of(const ConvShape& s) {
  int64_t splits = 1;
  while (splits * ceil_div(s.c, kBlock) * ceil_div(s.o, kBlock) < kTasks && tiles_of(s) >= 2 * splits * kSplitTiles)
    splits *= 2;
  return splits;
}

// Cycles of cores with 32 products a cycle, fitted to measurements. The direct kernel lays few channels of a row of taps
// together. Here a transform takes half a cycle a point and channel, for every block of the other operand's channels, and a
// sum half a cycle to begin and to end.
double direct_cost(const ConvShape& s) {
  const double taps = s.c <= 16 ? 3 * double(round_up(3 * s.c, 16)) : 9 * double(round_up(s.c, 16));
  return double(s.n) * s.oh() * s.ow() * (taps + 36) * s.o / 32;
}
double winograd_cost(const ConvShape& s) {
  const double c = double(round_up(s.c, 16)), o = double(round_up(s.o, 16));
  const double transforms = c * double(ceil_div(s.o, kBlock)) + o * double(ceil_div(s.c, kBlock));
  return kPoints * (double(tiles_of(s)) * (c * s.o / 32 + transforms / 2) + double(splits_of(s)) * c * s.o / 2);
}

}  // namespace

const char* winograd_weight_refuses(const ConvShape& s) {
  if (const char* reason = winograd_cannot(s)) return reason;
  return 1.2 * winograd_cost(s) > direct_cost(s) ? "hardly faster than the direct kernel here" : nullptr;
}

double winograd_weight_error(const ConvShape& s) {
  const int64_t splits = splits_of(s);
  return 48 + double(ceil_div(tiles_of(s), splits) + splits);
}

struct WinogradWeight::Space {
  float *x, *dy;  // transformed tiles of a chunk: [points][tiles][channels of a block]
  float* sum;     // [points][o][c] of a block
  float** rows;   // [o] of the sum at the first point
};

struct WinogradWeight::Job {
  const float *x, *dy;
  float* dw;  // or the sums of all splits
};

WinogradWeight::WinogradWeight(const ConvShape& s, Isa isa, int threads)
    : shape_(s),
      set_(tile_set(isa)),
      threads_(threads),
      transforms_(FOVEA_TABLE(isa, winograd).gradient),
      x_{{s.h, s.w, s.c, ceil_div(s.oh(), kTile), ceil_div(s.ow(), kTile), kTile, kTile + 2, s.pt, s.pl},
         FOVEA_TABLE(isa, winograd).large.input,
         Parts(set_.vectors_for(s.c), kBlock / set_.lanes)},
      dy_{{s.oh(), s.ow(), s.o, x_.tiles.rows, x_.tiles.columns, kTile, kTile, 0, 0},
          transforms_.output,
          Parts(set_.vectors_for(s.o), kBlock / set_.lanes)},
      tiles_(tiles_of(s)),
      splits_(splits_of(s)),
      zeros_(std::max(s.c, s.o)) {
  split_work();
}

void WinogradWeight::split_work() {
  // Narrow blocks transform more often, but leave no thread without work.
  const auto tasks = [&] { return splits_ * x_.blocks.count * dy_.blocks.count; };
  while (tasks() < 4 * threads_ && tasks() % threads_ != 0) {
    Parts& blocks = x_.blocks.size(0) > dy_.blocks.size(0) ? x_.blocks : dy_.blocks;
    if (blocks.count == blocks.n) break;
    blocks.count++;
  }
  for (Operand* p : {&x_, &dy_}) p->width = ceil_div(p->blocks.n, p->blocks.count) * set_.lanes;
  const int64_t tiles = ceil_div(tiles_, splits_), most = kChunkFloats / (kPoints * (x_.width + dy_.width));
  chunk_tiles_ = ceil_div(tiles, ceil_div(tiles, most));
  // An odd number of cache lines from point to point: a tile's are written at once, and shall not crowd a set of L1.
  for (Operand* p : {&x_, &dy_}) p->step = (ceil_div(chunk_tiles_ * p->width, 16) | 1) * 16;
  thread_bytes_ =
      kPoints * (x_.step + dy_.step + dy_.width * x_.width) * sizeof(float) + round_up(dy_.width * sizeof(float*), 64);
}

size_t WinogradWeight::workspace_bytes() const {
  return threads_ * thread_bytes_ + (splits_ > 1 ? round_up(splits_ * dw_floats() * sizeof(float), 64) : 0);
}

WinogradWeight::Space WinogradWeight::space(void* work, int thread) const {
  Space s{};
  s.x = reinterpret_cast<float*>(static_cast<char*>(work) + thread * thread_bytes_);
  s.dy = s.x + kPoints * x_.step;
  s.sum = s.dy + kPoints * dy_.step;
  s.rows = reinterpret_cast<float**>(s.sum + kPoints * dy_.width * x_.width);
  for (int64_t o = 0; o < dy_.width; o++) s.rows[o] = s.sum + o * x_.width;
  return s;
}

void WinogradWeight::run(const float* x, const float* dy, float* dw, void* work, Pool& pool) const {
  const int threads = std::min(threads_, pool.size());
  const int64_t ins = x_.blocks.count, outs = dy_.blocks.count;
  float* sums = reinterpret_cast<float*>(static_cast<char*>(work) + threads_ * thread_bytes_);
  const Job job{x, dy, splits_ > 1 ? sums : dw};
  pool.run([&](int thread) {
    if (thread >= threads) return;
    const Space s = space(work, thread);
    const auto [begin, end] = share(splits_ * ins * outs, thread, threads);
    for (int64_t i = begin; i < end; i++) run_task(job, i / outs / ins, i / outs % ins, i % outs, s);
  });
  if (splits_ == 1) return;
  pool.run([&](int thread) {
    const auto [begin, end] = share(dw_floats(), thread, pool.size(), 16);
    add_splits(sums, dw, begin, end);
  });
}

WinogradWeight::Range WinogradWeight::range(const Operand& p, int64_t block) const {
  const int64_t begin = p.blocks.begin(block) * set_.lanes, end = p.blocks.end(block) * set_.lanes;
  return {begin, std::min(end, p.tiles.channels) - begin};
}

void WinogradWeight::run_task(const Job& job, int64_t split, int64_t in_block, int64_t out_block, const Space& s) const {
  const Range ins = range(x_, in_block), outs = range(dy_, out_block);
  const int64_t begin = tiles_ * split / splits_, c = shape_.c;
  const Parts chunks(tiles_ * (split + 1) / splits_ - begin, chunk_tiles_);
  for (int64_t i = 0; i < chunks.count; i++) {
    transform(x_, job.x, ins, begin + chunks.begin(i), chunks.size(i), s.x);
    transform(dy_, job.dy, outs, begin + chunks.begin(i), chunks.size(i), s.dy);
    multiply(chunks.size(i), ins.count, outs.count, i == 0, s);
  }
  float* dw = job.dw + split * dw_floats() + outs.begin * 9 * c + ins.begin;
  for (int64_t o = 0; o < outs.count; o++) transforms_.kernel(s.rows[o], dy_.width * x_.width, dw + o * 9 * c, c, ins.count);
}

void WinogradWeight::transform(const Operand& p, const float* data, Range channels, int64_t first, int64_t tiles,
                               float* to) const {
  TileWalk walk(p.tiles, first, data + channels.begin, zeros_.data());
  const float* pixels[kPoints];
  for (int64_t i = 0; i < tiles; i++) {
    walk.next(pixels, channels.count);
    p.transform(pixels, to + i * p.width, p.step, channels.count);
  }
}

void WinogradWeight::multiply(int64_t tiles, int64_t ins, int64_t outs, bool first, const Space& s) const {
  const Parts panels(set_.vectors_for(static_cast<int>(ins)), set_.vectors);
  for (int p = 0; p < kPoints; p++) {
    const float *x = s.x + p * x_.step, *dy = s.dy + p * dy_.step;
    for (int64_t j = 0; j < panels.count; j++) {
      Tile tile{};
      tile.a = &x, tile.b = &dy, tile.lda = x_.width, tile.ldb = dy_.width;
      tile.a_offset = panels.begin(j) * set_.lanes, tile.c_offset = p * dy_.width * x_.width + tile.a_offset;
      tile.terms = 1, tile.depth = tiles, tile.accumulate = !first;
      tile.cols = static_cast<int>(std::min(ins, panels.end(j) * set_.lanes) - tile.a_offset);
      const int64_t width = panels.size(j);
      const Parts parts(outs, set_.columns_form_rows[width - 1]);
      for (int64_t i = 0; i < parts.count; i++) {
        tile.b_offset = parts.begin(i), tile.c = s.rows + parts.begin(i);
        set_.columns_form[width - 1][parts.size(i) - 1](tile);
      }
    }
  }
}

void WinogradWeight::add_splits(const float* sums, float* dw, int64_t begin, int64_t end) const {
  std::memcpy(dw + begin, sums + begin, (end - begin) * sizeof(float));
  for (int64_t split = 1; split < splits_; split++) {
    sums += dw_floats();
    for (int64_t i = begin; i < end; i++) dw[i] += sums[i];
  }
}

}  // namespace fovea::kernels
