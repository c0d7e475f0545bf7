#include "kernels/pointwise.h"

#include <algorithm>

#include "kernels/pointwise_engine.h"

namespace fovea::kernels {

namespace {

constexpr int64_t kSmall = 1 << 14;  // values: less work than this is not worth waking threads for

// Walks tiles [begin, end) of the domain: rows fastest, so that uniform values last.
void run_tiles(const PwEngine& e, PwEngine::Frame& f, int64_t begin, int64_t end) {
  int64_t rows = e.dims()[2], cols = e.dims()[3], rs = e.row_step(), cs = e.col_step();
  int64_t row_tiles = (rows + rs - 1) / rs, col_tiles = (cols + cs - 1) / cs;
  int64_t r = begin % row_tiles, c = begin / row_tiles % col_tiles, o = begin / row_tiles / col_tiles;
  for (int64_t i = begin; i < end; i++) {
    e.eval(f, {o, r * rs, c * cs, std::min(rs, rows - r * rs), std::min(cs, cols - c * cs)});
    if (++r == row_tiles) {
      r = 0;
      if (++c == col_tiles) c = 0, o++;
    }
  }
}

}  // namespace

Pointwise::Pointwise(const PwProgram& program, Isa isa)
    : flat_(new PwEngine(program, isa, {0, 0, 0, 0})), rows_(new PwEngine(program, isa, {0, 0, 0, PwEngine::kChannels})) {
  if (flat_->reads_y()) form_ = finish_form(program);
}
Pointwise::~Pointwise() = default;
Pointwise::Pointwise(Pointwise&&) noexcept = default;

void Pointwise::run(const float* const* in, float* const* out, Pool& pool) const {
  const PwEngine& e = *flat_;
  int64_t row_tiles = (e.dims()[2] + e.row_step() - 1) / e.row_step(),
          col_tiles = (e.dims()[3] + e.col_step() - 1) / e.col_step();
  int64_t tiles = e.outers() * row_tiles * col_tiles;
  auto work = [&](int64_t begin, int64_t end) {
    if (begin == end) return;
    PwEngine::Frame f;
    f.in = in, f.out = out;
    e.begin(f);
    run_tiles(e, f, begin, end);
  };
  if (tiles * e.row_step() * e.col_step() * (e.steps() + 1) < kSmall) return work(0, tiles);
  pool.run([&](int thread) {
    auto [begin, end] = share(tiles, thread, pool.size());
    work(begin, end);
  });
}

namespace {

// A piece of the pixels [row0, row0 + rows) for each outer index that they meet: body(outer, its first row, rows, done so
// far).
template <class F>
void pieces(const PwEngine& e, int64_t row0, int64_t rows, F&& body) {
  const int64_t inner = e.dims()[2];
  for (int64_t done = 0, count = 0; done < rows; done += count) {
    const int64_t outer = (row0 + done) / inner, first = (row0 + done) % inner;
    count = std::min(rows - done, inner - first);
    body(outer, first, count, done);
  }
}

}  // namespace

void Pointwise::block(const float* const* in, float* y, int64_t row0, int64_t rows, int64_t ld, int64_t c0,
                      int64_t c1) const {
  PwEngine::Frame f;
  f.in = in, f.y = y, f.y_col = c0, f.ld = ld;
  rows_->begin(f);
  const int64_t chunk = rows_->block_chunk(c1 - c0);
  pieces(*rows_, row0, rows, [&](int64_t outer, int64_t first, int64_t count, int64_t done) {
    f.y_row = first - done;
    for (int64_t c = c0; c < c1; c += chunk) {
      const int64_t cols = std::min(chunk, c1 - c), step = std::min(count, std::max<int64_t>(1, chunk / cols));
      for (int64_t r = 0; r < count; r += step) rows_->eval(f, {outer, first + r, c, std::min(step, count - r), cols});
    }
  });
}

void Pointwise::part(const float* const* in, float* const* out, int64_t row0, int64_t rows) const {
  PwEngine::Frame f;
  f.in = in, f.out = out;
  rows_->begin(f);
  const int64_t rs = rows_->row_step(), cs = rows_->col_step(), cols = rows_->dims()[3];  // of tiles that are contiguous
  pieces(*rows_, row0, rows, [&](int64_t outer, int64_t first, int64_t count, int64_t) {
    for (int64_t c = 0; c < cols; c += cs)
      for (int64_t r = 0; r < count; r += rs)
        rows_->eval(f, {outer, first + r, c, std::min(rs, count - r), std::min(cs, cols - c)});
  });
}

}  // namespace fovea::kernels
