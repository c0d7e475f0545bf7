#include "kernels/winograd.h"

#include <algorithm>

#include "kernels/conv_split.h"
#include "kernels/isa/tables.h"
#include "kernels/winograd_tiles.h"

namespace fovea::kernels {
namespace {

constexpr int64_t kBlockTiles = 48;           // fewer read the weights too often, more leave L2
constexpr int64_t kFewTiles = 24;             // so few are bound by reading weights
constexpr int64_t kPackChannels = 16;         // a cache line of the weights
constexpr int64_t kMostWeights = 2560 << 10;  // transformed, of a layer
constexpr int64_t kEpilogueTiles = 8;         // a call per that many tiles of a row
constexpr int64_t kPackingPixels = 1024;      // transforming weights takes as long as is won on a few hundred pixels

// Cycles of cores with 32 products a cycle, fitted to measurements. A register tile costs as many channels more as its
// stores and calls take and never less than 16 rows, a float of weights 0.4 (those of a whole network are rarely in the
// cache), a transform 0.45 a point and channel.
double product_cost(double rows, double points, int extra, const ConvShape& s) {
  const double outs = static_cast<double>(round_up(s.o, 16));
  return points * outs * (std::max(rows, 16.0) * (s.c + extra) / 32 + s.c * 0.4);
}
double direct_cost(const ConvShape& s, int images) { return product_cost(double(images) * s.oh() * s.ow(), 9, 3, s); }
double winograd_cost(const ConvShape& s, int tile, int images) {
  const double tiles = double(images) * double(ceil_div(s.oh(), tile) * ceil_div(s.ow(), tile)),
               points = (tile + 2) * (tile + 2);
  const double vectors = static_cast<double>(round_up(s.c, 16) + round_up(s.o, 16));
  return product_cost(tiles, points, 8, s) + tiles * points * 0.45 * vectors;
}
// Transformed weights take 16 or 36 numbers for every 9: where there are many channels, too much memory for what is won.
bool fits(const ConvShape& s, int tile) { return int64_t{(tile + 2) * (tile + 2)} * s.c * s.o <= kMostWeights; }

// Asks for the outputs of the next row of tiles: they lie in too many places for the machine to foresee.
void fetch(const float* to, int64_t rows, int64_t row, int64_t pixels, int64_t pixel, int64_t channels) {
  for (int64_t y = 0; y < rows; y++) {
    for (int64_t x = 0; x < pixels; x++) {
      for (int64_t c = 0; c < channels; c += 16) __builtin_prefetch(to + y * row + x * pixel + c, 1);
    }
  }
}

}  // namespace

ConvShape winograd_shape(const ConvShape& s, Direction direction) {
  ConvShape r = s;
  if (direction == Direction::forward) return r;
  r.h = s.oh(), r.w = s.ow(), r.c = s.o, r.o = s.c;
  r.pt = s.kh - 1 - s.pt, r.pb = s.kh - 1 - s.pb, r.pl = s.kw - 1 - s.pl, r.pr = s.kw - 1 - s.pr;
  return r;
}

bool winograd_pays_packing(const ConvShape& s) { return int64_t{s.n} * s.oh() * s.ow() >= kPackingPixels; }

// The large one if it is clearly faster: its weights are larger, and so is its error.
int winograd_tile(const ConvShape& s, int images) {
  return fits(s, 4) && 1.1 * winograd_cost(s, 4, images) < winograd_cost(s, 2, images) ? 4 : 2;
}

const char* winograd_cannot(const ConvShape& s) {
  if (s.kh != 3 || s.kw != 3) return "not a 3x3 kernel";
  if (s.sh != 1 || s.sw != 1) return "a stride";
  if (s.dh != 1 || s.dw != 1) return "a dilation";
  return s.groups != 1 ? "groups" : nullptr;
}

const char* winograd_refuses(const ConvShape& s, int images) {
  if (const char* reason = winograd_cannot(s)) return reason;
  if (!fits(s, 2)) return "its weights would take too much memory";
  if (1.1 * winograd_cost(s, winograd_tile(s, images), images) > direct_cost(s, images))
    return "hardly faster than the direct kernel here";
  return nullptr;
}

struct Winograd::Space {
  float *in, *out;        // transformed inputs of a block and their products with a panel
  const float** in_rows;  // their tiles
  float** out_rows;
};

struct Winograd::Job {
  const float* x;
  const float* packed;
  float* y;
  const Epilogue* epilogue;
};

Winograd::Winograd(const ConvShape& shape, Direction direction, Isa isa, int threads, int tile)
    : shape_(winograd_shape(shape, direction)),
      direction_(direction),
      set_(tile_set(isa)),
      threads_(threads),
      tile_(tile ? tile : winograd_tile(shape_)),
      transforms_(tile_ == 2 ? FOVEA_TABLE(isa, winograd).small : FOVEA_TABLE(isa, winograd).large),
      zeros_(shape_.c) {
  const ConvShape& s = shape_;
  rows_ = ceil_div(s.oh(), tile_), columns_ = ceil_div(s.ow(), tile_), tiles_ = s.n * rows_ * columns_;
  // Narrow register tiles have more rows: few tiles then pass the weights once or twice only.
  const Parts parts(set_.vectors_for(s.o), tiles_ <= kFewTiles ? 2 : set_.vectors);
  size_t offset = 0;
  for (int i = 0; i < parts.count; i++) {
    const int begin = static_cast<int>(parts.begin(i)) * set_.lanes, width = static_cast<int>(parts.size(i)) * set_.lanes;
    panels_.push_back({begin, std::min(width, s.o - begin), width, offset});
    offset += size_t(points()) * s.c * width;
  }
  split_work();
}

// Every task transforms its tiles and reads its part of the weights: few tiles are better shared, each thread then reading
// weights of its own, and many are better divided.
void Winograd::split_work() {
  const int64_t panels = static_cast<int64_t>(panels_.size()), width = panels_.back().width;
  double best = 0;
  for (int64_t groups = 1; groups <= std::min<int64_t>(panels, threads_); groups++) {
    int64_t blocks = ceil_div(tiles_, kBlockTiles);
    while (blocks * groups % threads_ != 0 && blocks < tiles_) blocks++;
    const double tiles = double(ceil_div(tiles_, blocks)), tasks = double(ceil_div(blocks * groups, threads_));
    const double columns = double(ceil_div(panels, groups) * width);
    const double cost = tasks * shape_.c * points() * (columns * (tiles / 32 + 0.25) + tiles * 0.45);
    if (groups == 1 || cost < best) best = cost, blocks_ = blocks, groups_ = groups;
  }
  block_tiles_ = ceil_div(tiles_, blocks_);
  // An odd number of cache lines from tile to tile: as many as possible fit L1 beside each other.
  const auto odd = [](int64_t floats) { return (ceil_div(floats, 16) | 1) * 16; };
  in_tile_ = odd(int64_t{points()} * shape_.c), out_tile_ = odd(points() * width);
  thread_bytes_ = block_tiles_ * (in_tile_ + out_tile_) * sizeof(float) + round_up(2 * block_tiles_ * sizeof(float*), 64);
}

size_t Winograd::packed_floats() const { return panels_.back().offset + size_t(points()) * shape_.c * panels_.back().width; }

Winograd::Space Winograd::space(void* work, int thread) const {
  Space s{};
  s.in = reinterpret_cast<float*>(static_cast<char*>(work) + thread * thread_bytes_);
  s.out = s.in + block_tiles_ * in_tile_;
  s.in_rows = reinterpret_cast<const float**>(s.out + block_tiles_ * out_tile_);
  s.out_rows = const_cast<float**>(s.in_rows + block_tiles_);
  for (int64_t i = 0; i < block_tiles_; i++) {
    s.in_rows[i] = s.in + i * in_tile_;
    s.out_rows[i] = s.out + i * out_tile_;
  }
  return s;
}

// Evaluates three taps of n output channels at the points of F(m, 3), each divided by the product of its differences to
// the other points: to[i * step + o].
template <class T>
static void evaluate(int m, const double* g0, const double* g1, const double* g2, int n, T* to, int64_t step) {
  const double a = m == 2 ? 1 : kNearPoint, b = kFarPoint, aa = a * a, bb = b * b;
  const double zero = 1 / (m == 2 ? -aa : aa * bb), near = 1 / (2 * aa * (m == 2 ? 1 : aa - bb)),
               far = 1 / (2 * bb * (bb - aa));
  T* last = to + (m + 1) * step;
  for (int o = 0; o < n; o++) {
    const double even = g0[o] + aa * g2[o], odd = a * g1[o];
    to[o] = static_cast<T>(g0[o] * zero);
    to[step + o] = static_cast<T>((even + odd) * near);
    to[2 * step + o] = static_cast<T>((even - odd) * near);
    last[o] = static_cast<T>(g2[o]);
  }
  for (int o = 0; m == 4 && o < n; o++) {
    const double even = g0[o] + bb * g2[o], odd = b * g1[o];
    to[3 * step + o] = static_cast<T>((even + odd) * far);
    to[4 * step + o] = static_cast<T>((even - odd) * far);
  }
}

void Winograd::pack(const float* w, float* packed, Pool& pool) const {
  const int64_t panels = static_cast<int64_t>(panels_.size()), parts = ceil_div(shape_.c, kPackChannels);
  pool.each(panels * parts, [&](int64_t i) {
    const int64_t k0 = i % parts * kPackChannels, k1 = std::min<int64_t>(shape_.c, k0 + kPackChannels);
    for (int64_t k = k0; k < k1; k++) pack_channel(panels_[i / parts], k, w, packed);
  });
}

// The weights between input channel k and a panel.
void Winograd::pack_channel(const Panel& panel, int64_t k, const float* w, float* packed) const {
  constexpr int kMost = TileSet::kMaxVectors * 16;
  const int t = tile_ + 2, n = panel.width;
  const int64_t c = shape_.c;
  double taps[3][3][kMost] = {}, columns[3][6][kMost];
  if (direction_ == Direction::forward) {
    for (int o = 0; o < panel.cols; o++) {
      const float* from = w + (int64_t{panel.out_c} + o) * 9 * c + k;
      for (int i = 0; i < 9; i++) taps[i % 3][i / 3][o] = double{from[i * c]};
    }
  } else {  // from the last tap to the first; what is read is what a forward run writes
    const float* from = w + k * 9 * shape_.o + panel.out_c;
    for (int i = 0; i < 9; i++) {
      for (int o = 0; o < panel.cols; o++) taps[i % 3][i / 3][o] = double{from[(8 - i) * int64_t{shape_.o} + o]};
    }
  }
  for (int v = 0; v < 3; v++) evaluate(tile_, taps[v][0], taps[v][1], taps[v][2], n, columns[v][0], kMost);
  float* to = packed + panel.offset + k * n;
  for (int i = 0; i < t; i++) evaluate(tile_, columns[0][i], columns[1][i], columns[2][i], n, to + i * t * c * n, c * n);
}

void Winograd::run(const float* x, const float* packed, float* y, void* work, Pool& pool, const Epilogue* epilogue) const {
  const Job job{x, packed, y, epilogue};
  const int threads = std::min(threads_, pool.size());
  pool.run([&](int thread) {
    if (thread >= threads) return;
    const Space s = space(work, thread);
    const auto [begin, end] = share(blocks_ * groups_, thread, threads);
    for (int64_t i = begin; i < end; i++) run_block(job, i % blocks_, i / blocks_, s);
  });
}

void Winograd::run_block(const Job& job, int64_t block, int64_t group, const Space& s) const {
  const int64_t first = tiles_ * block / blocks_, tiles = tiles_ * (block + 1) / blocks_ - first;
  transform(job, first, tiles, s);
  const int64_t panels = static_cast<int64_t>(panels_.size());
  for (int64_t i = panels * group / groups_; i < panels * (group + 1) / groups_; i++) {
    multiply(job, tiles, panels_[i], s);
    finish(job, first, tiles, panels_[i], s);
  }
}

void Winograd::transform(const Job& job, int64_t first, int64_t tiles, const Space& s) const {
  const ConvShape& c = shape_;
  const TileMap map{c.h, c.w, c.c, rows_, columns_, tile_, tile_ + 2, c.pt, c.pl};
  TileWalk walk(map, first, job.x, zeros_.data());
  const float* pixels[36];
  for (int64_t i = 0; i < tiles; i++) {
    walk.next(pixels, c.c);
    transforms_.input(pixels, s.in + i * in_tile_, c.c, c.c);
  }
}

void Winograd::multiply(const Job& job, int64_t tiles, const Panel& panel, const Space& s) const {
  const int vectors = panel.width / set_.lanes;
  const Parts parts(tiles, set_.rows_form_rows[vectors - 1]);
  const int64_t floats = int64_t{shape_.c} * panel.width;
  const float* weights = job.packed + panel.offset;
  Tile tile{};
  tile.a = &weights, tile.lda = panel.width, tile.terms = 1, tile.depth = shape_.c, tile.cols = panel.cols;
  tile.ahead_step = std::min<int64_t>(64, panel.width * int64_t{sizeof(float)} / parts.count + 1);
  for (int p = 0; p < points(); p++, weights += floats) {
    tile.b_offset = int64_t{p} * shape_.c, tile.c_offset = int64_t{p} * panel.width;
    for (int64_t i = 0; i < parts.count; i++) {
      tile.ahead = reinterpret_cast<const char*>(weights + floats + floats * i / parts.count);
      tile.b = s.in_rows + parts.begin(i), tile.c = s.out_rows + parts.begin(i);
      set_.rows_form[vectors - 1][parts.size(i) - 1](tile);
    }
  }
}

void Winograd::finish(const Job& job, int64_t first, int64_t tiles, const Panel& panel, const Space& s) const {
  const int64_t o = shape_.o, oh = shape_.oh(), ow = shape_.ow();
  for (int64_t i = 0, run = 0; i < tiles; i += run) {
    const int64_t at = first + i, image = at / columns_ / rows_, tx = at % columns_;
    run = std::min({tiles - i, columns_ - tx, kEpilogueTiles});
    const int64_t y0 = at / columns_ % rows_ * tile_, x0 = tx * tile_;
    const int rows = static_cast<int>(std::min<int64_t>(tile_, oh - y0));
    const int64_t pixel = (image * oh + y0) * ow + x0, pixels = std::min(run * tile_, ow - x0);
    float* to = job.y + pixel * o + panel.out_c;
    for (int64_t r = 0; r < run; r++) {
      const int columns = static_cast<int>(std::min<int64_t>(tile_, ow - x0 - r * tile_));
      float* tile = to + r * tile_ * o;
      fetch(tile + tile_ * ow * o, rows, ow * o, columns, o, panel.cols);
      transforms_.output(s.out_rows[i + r], panel.width, tile, ow * o, o, rows, columns, panel.cols);
    }
    if (!job.epilogue) continue;
    for (int row = 0; row < rows; row++)
      (*job.epilogue)(to + row * ow * o, pixel + row * ow, pixels, o, panel.out_c, panel.out_c + panel.cols);
  }
}

}  // namespace fovea::kernels
