#include "kernels/depthwise_small.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "kernels/isa/tables.h"

namespace fovea::kernels {
namespace {

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

constexpr int kWindow = 11 * 11;  // pixels that a tile reads, at most
static_assert(small_pixels(SmallWindow::strided, 5, kSmallMost) == 11);

const char* const kSlower = "slower than strips here";

const char* no_small_window(const ConvShape& s) {
  if (!s.depthwise()) return "not one output channel per input channel";
  if (s.kh != s.kw || (s.kh != 3 && s.kh != 5)) return "a window other than 3x3 and 5x5";
  if (s.dh != 1 || s.dw != 1) return "a dilation";
  if (s.sh != s.sw || s.sh > 2) return "a stride other than 1 and 2";
  return nullptr;
}

SmallGeometry geometry(const ConvShape& s, Direction direction) {
  if (direction == Direction::forward) {
    const auto window = s.sh == 1 ? SmallWindow::dense : SmallWindow::strided;
    return {window, s.kh, s.n, s.c, {s.h, s.oh(), s.pt}, {s.w, s.ow(), s.pl}};
  }
  const auto window = s.sh == 1 ? SmallWindow::dense : s.pt % 2 == 0 ? SmallWindow::even : SmallWindow::odd;
  const int mirror = s.sh == 1 ? s.kh - 1 : 0;  // of stride 1: a convolution with the kernel turned around
  const auto pad = [&](int p) { return mirror ? mirror - p : p; };
  return {window, s.kh, s.n, s.c, {s.oh(), s.h, pad(s.pt)}, {s.ow(), s.w, pad(s.pl)}};
}

const SmallTable::Tiles& tiles_of(const SmallTable::Tiles (&all)[2][4], const SmallGeometry& g) {
  return all[g.k / 2 - 1][static_cast<size_t>(g.window)];
}

// The taps in the order of packing: of the gradient at stride 1, from the last to the first.
DepthwisePacking packing(const ConvShape& s, Direction direction, Isa isa) {
  std::vector<int> order(size_t(s.kh) * s.kw);
  const bool turned = direction == Direction::backward_data && s.sh == 1;
  for (size_t i = 0; i < order.size(); i++) order[i] = static_cast<int>(turned ? order.size() - 1 - i : i);
  return {FOVEA_TABLE(isa, depthwise), s.c, 1, order};
}

// The tiles over some rows of an image.
struct Sweep {
  const SmallGeometry& g;
  const SmallTable::Tiles& tiles;
  const float* source;  // the image
  const float* zeros;   // as many as a row of it
  int row, end;

  // body(kernel, row, column, count) for each run of tiles that find their pixels at equal distances.
  template <class F>
  void each(const float** pixels, F&& body) const {
    for (int i = row; i < end; i += tiles.rows) {
      const int height = std::min(tiles.rows, end - i);
      for (int j = 0, run; j < g.columns.result; j += run * tiles.columns) {
        const int width = std::min(tiles.columns, g.columns.result - j);
        run = equal_tiles(j);
        point(pixels, i, height, j, width);
        body(tiles.tile[height - 1][width - 1], i, j, run);
      }
    }
  }

  // From column j on: those that are whole and inside the image, or one.
  int equal_tiles(int j) const {
    if (g.first(g.columns, j) < 0) return 1;
    int run = 0;
    while (j + (run + 1) * tiles.columns <= g.columns.result &&
           g.first(g.columns, j + run * tiles.columns) + small_pixels(g.window, g.k, tiles.columns) <= g.columns.source)
      run++;
    return std::max(run, 1);
  }

  // The pixels that a tile reads.
  void point(const float** pixels, int i, int height, int j, int width) const {
    const int rows = small_pixels(g.window, g.k, height), columns = small_pixels(g.window, g.k, width);
    const int top = g.first(g.rows, i), left = g.first(g.columns, j);
    const int from = std::clamp(-left, 0, columns), to = std::clamp(g.columns.source - left, from, columns);
    for (int u = top; u < top + rows; u++, pixels += columns) {
      const bool inside = u >= 0 && u < g.rows.source;
      const float* line =
          (inside ? source + int64_t{u} * g.columns.source * g.channels : zeros) + int64_t{left} * g.channels;
      for (int q = 0; q < columns; q++) pixels[q] = q >= from && q < to ? line + q * int64_t{g.channels} : zeros;
    }
  }
};

}  // namespace

int SmallGeometry::first(const Axis& axis, int at) const {
  if (window == SmallWindow::dense) return at - axis.pad;
  if (window == SmallWindow::strided) return at * 2 - axis.pad;
  const int phase = window == SmallWindow::odd;
  return (at + axis.pad - phase) / 2 - (k - 1 - phase) / 2;
}

int64_t SmallGeometry::step(int results) const {
  const bool strided = window == SmallWindow::strided, dense = window == SmallWindow::dense;
  return int64_t{channels} * (strided ? results * 2 : dense ? results : results / 2);
}

const char* DepthwiseSmall::cannot(const ConvShape& s, Direction direction) {
  if (const char* reason = no_small_window(s)) return reason;
  const bool strided_data = direction == Direction::backward_data && s.sh == 2;
  return strided_data && (s.pt ^ s.pl) & 1 ? "paddings of different parity" : nullptr;
}

// By measurements with vectors of 16: a call for each tile costs too much where there are few channels or whole tiles, and
// the rows of a 5x5 window of stride 1 are worth keeping in L1.
const char* DepthwiseSmall::refuses(const ConvShape& s, Direction direction) {
  if (const char* reason = cannot(s, direction)) return reason;
  const SmallGeometry g = geometry(s, direction);
  const int size = std::min(g.rows.result, g.columns.result);
  if (s.c < 32 && size < 28) return kSlower;
  return s.kh == 5 && s.sh == 1 && (s.c < 64 || (s.c < 448 && size < 20)) ? kSlower : nullptr;
}

const char* DepthwiseSmallWeight::cannot(const ConvShape& s) {
  if (const char* reason = no_small_window(s)) return reason;
  return s.kh == 5 && s.sh == 1 ? "more taps than fit the registers" : nullptr;
}

const char* DepthwiseSmallWeight::refuses(const ConvShape& s) {
  if (const char* reason = cannot(s)) return reason;
  return s.c < 32 && std::min(s.oh(), s.ow()) < 28 ? kSlower : nullptr;
}

DepthwiseSmall::DepthwiseSmall(const ConvShape& s, Direction direction, Isa isa, int threads)
    : geometry_(geometry(s, direction)),
      tiles_(tiles_of(FOVEA_TABLE(isa, depthwise_small).sums, geometry_)),
      packing_(packing(s, direction, isa)),
      zeros_(size_t(geometry_.columns.source) * s.c) {
  FOVEA_CHECK(!cannot(s, direction));
  bands_ = ceil_div(geometry_.rows.result, tiles_.rows);
  const int64_t wanted = 4 * threads, rows = bands_ * s.n;  // enough units to share evenly
  groups_ = threads == 1 ? 1 : std::clamp<int64_t>(ceil_div(wanted, rows), 1, packing_.blocks());
}

void DepthwiseSmall::pack(const float* w, float* packed, Pool& pool) const {
  pool.run([&](int thread) {
    auto [begin, end] = share(packing_.blocks(), thread, pool.size());
    for (int64_t b = begin; b < end; b++) packing_.pack(w, packed, static_cast<int>(b));
  });
}

void DepthwiseSmall::run(const float* in, const float* packed, float* out, void*, Pool& pool,
                         const Epilogue* epilogue) const {
  const int64_t bands = bands_ * geometry_.images, blocks = packing_.blocks(), lanes = packing_.lanes();
  pool.run([&](int thread) {
    auto [begin, end] = share(bands * groups_, thread, pool.size());
    for (int64_t unit = begin; unit < end; unit++) {
      const int64_t band = unit / groups_, group = unit % groups_;
      const int row = static_cast<int>(band % bands_) * tiles_.rows;
      const Part part{band / bands_, row, std::min(row + tiles_.rows, geometry_.rows.result),
                      blocks * group / groups_ * lanes,
                      std::min<int64_t>(blocks * (group + 1) / groups_ * lanes, geometry_.channels)};
      run_rows(in, packed, out, part, epilogue);
    }
  });
}

void DepthwiseSmall::run_part(const float* in, const float* packed, float* out, void*, int64_t first, int64_t count,
                              const Epilogue* epilogue) const {
  const int64_t w = geometry_.columns.result, h = geometry_.rows.result;
  const int row = static_cast<int>(first / w % h);
  run_rows(in, packed, out, {first / w / h, row, row + static_cast<int>(count / w), 0, geometry_.channels}, epilogue);
}

void DepthwiseSmall::run_rows(const float* in, const float* packed, float* out, const Part& part,
                              const Epilogue* epilogue) const {
  const SmallGeometry& g = geometry_;
  const int64_t c = g.channels, w = g.columns.result;
  const float* source = in + part.image * g.rows.source * g.columns.source * c;
  float* image = out + part.image * g.rows.result * w * c;
  const float* pixels[kWindow];
  SmallTiles tile{.x = pixels, .w = packed, .y_row = w * c, .y_column = c, .first = part.channel, .end = part.stop};
  tile.x_step = g.step(tiles_.columns), tile.y_step = tiles_.columns * c;
  tile.finish = {.finish = epilogue ? epilogue->finish : nullptr, .y = out};
  Sweep{g, tiles_, source, zeros_.data(), part.row, part.end}.each(pixels, [&](auto kernel, int i, int j, int run) {
    tile.y = image + (i * w + j) * c, tile.tiles = run;
    kernel(tile);
  });
  if (!epilogue || tile.finish.finish) return;
  const int64_t first = part.row * w, count = (part.end - part.row) * w;
  (*epilogue)(image + first * c + part.channel, part.image * g.rows.result * w + first, count, c, part.channel, part.stop);
}

DepthwiseSmallWeight::DepthwiseSmallWeight(const ConvShape& s, Isa isa, int)
    : geometry_(geometry(s, Direction::forward)),
      tiles_(tiles_of(FOVEA_TABLE(isa, depthwise_small).weights, geometry_)),
      packing_(packing(s, Direction::forward, isa)),
      zeros_(size_t(geometry_.columns.source) * s.c) {
  FOVEA_CHECK(!cannot(s));
  constexpr int64_t kUnits = 16;     // enough to share evenly among a few threads
  constexpr int64_t kPixels = 128;   // at least, of a part: its sums must be written and added too
  constexpr int64_t kFloats = 4096;  // of a group's sums, in L1
  group_ = std::max<int64_t>(1, kFloats / (s.kh * s.kw) / packing_.lanes()) * packing_.lanes();
  groups_ = ceil_div(s.c, group_);
  bands_ = ceil_div(geometry_.rows.result, tiles_.rows);
  const int64_t bands = bands_ * s.n, pixels = int64_t{s.n} * s.oh() * s.ow();
  parts_ = std::clamp<int64_t>(std::min<int64_t>(kUnits / groups_, pixels / kPixels), 1, bands);
}

void DepthwiseSmallWeight::run(const float* x, const float* dy, float* dw, void* work, Pool& pool) const {
  auto* sums = static_cast<float*>(work);
  pool.run([&](int thread) {
    auto [begin, end] = share(parts_ * groups_, thread, pool.size());
    for (int64_t unit = begin; unit < end; unit++) one_unit(x, dy, sums, unit / groups_, unit % groups_);
  });
  pool.run([&](int thread) {
    auto [begin, end] = share(packing_.blocks(), thread, pool.size());
    for (int64_t b = begin; b < end; b++) packing_.unpack(sums, parts_, dw, static_cast<int>(b));
  });
}

void DepthwiseSmallWeight::one_unit(const float* x, const float* dy, float* sums, int64_t part, int64_t group) const {
  const SmallGeometry& g = geometry_;
  const int64_t c = g.channels, w = g.columns.result, h = g.rows.result, lanes = packing_.lanes();
  sums += part * static_cast<int64_t>(packing_.floats());
  const float* pixels[kWindow];
  SmallTiles tile{.x = pixels, .w = sums, .y_row = w * c, .y_column = c};
  tile.x_step = g.step(tiles_.columns), tile.y_step = tiles_.columns * c;
  tile.first = group * group_, tile.end = std::min(c, tile.first + group_);
  const int64_t floats = ceil_div(tile.end - tile.first, lanes) * packing_.block();
  std::memset(sums + tile.first / lanes * packing_.block(), 0, static_cast<size_t>(floats) * sizeof(float));
  const int64_t bands = bands_ * g.images, begin = bands * part / parts_, end = bands * (part + 1) / parts_;
  for (int64_t band = begin; band < end; band++) {
    const int64_t image = band / bands_;
    const int row = static_cast<int>(band % bands_) * tiles_.rows;
    const float* source = x + image * g.rows.source * g.columns.source * c;
    auto* grad = const_cast<float*>(dy) + image * h * w * c;
    const Sweep sweep{g, tiles_, source, zeros_.data(), row, std::min(row + tiles_.rows, g.rows.result)};
    sweep.each(pixels, [&](auto kernel, int i, int j, int run) {
      tile.y = grad + (i * w + j) * c, tile.tiles = run;
      kernel(tile);
    });
  }
}

}  // namespace fovea::kernels
