#include "kernels/reduce.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "kernels/isa/tables.h"
#include "kernels/pointwise_engine.h"

namespace fovea::kernels {

namespace {

constexpr int64_t kChunk = 2048;    // the engine's longest
constexpr int64_t kDepth = 64;      // additions in one float lane
constexpr int64_t kPart = 1 << 15;  // values worth a part of their own
constexpr int64_t kTasks = 64;
constexpr int64_t kSmall = 1 << 14;

}  // namespace

// What a thread holds.
struct Reduce::Walk {
  PwEngine::Frame frame;
  alignas(64) float acc[kMaxOutputs][kChunk];
  alignas(64) double total[kMaxOutputs][kChunk];
  alignas(64) float filled[kChunk];
};

Reduce::Reduce(const PwProgram& program, const bool (&reduced)[4], Fold fold, Isa isa)
    : fold_(fold), table_(&FOVEA_TABLE(isa, rows)) {
  int group[4];
  for (int d = 0; d < 4; d++) group[d] = reduced[d];
  engine_.reset(new PwEngine(program, isa, group));
  const PwEngine& e = *engine_;
  FOVEA_CHECK(e.outputs() <= kMaxOutputs && !e.reads_y());
  const int64_t* dims = e.dims();
  for (int d = 0; d < 4; d++) {
    reduced_[d] = e.groups()[d] == 1;
    int64_t step = d == 2 ? e.row_step() : d == 3 ? e.col_step() : 1;
    count_[d] = (dims[d] + step - 1) / step;
  }
  columns_ = tiles_ = kept_ = 1;
  for (int d = 0; d < 4; d++) {
    (reduced_[d] ? tiles_ : columns_) *= count_[d];
    if (!reduced_[d]) kept_ *= dims[d];
  }
  flush_ = reduced_[3] ? 1 : reduced_[2] ? std::max<int64_t>(1, kDepth / e.row_step()) : kDepth;
  int64_t worth = tiles_ * e.row_step() * e.col_step() / kPart;
  parts_ = std::clamp<int64_t>(std::min(worth, kTasks / columns_), 1, tiles_);
}
Reduce::~Reduce() = default;
Reduce::Reduce(Reduce&&) noexcept = default;

size_t Reduce::workspace_bytes() const {
  return parts_ == 1 ? 0 : sizeof(double) * static_cast<size_t>(parts_ * kept_ * engine_->outputs());
}

void Reduce::run(const float* const* in, float* const* out, void* work, Pool& pool) const {
  auto* partial = static_cast<double*>(work);
  int64_t tasks = columns_ * parts_;
  bool small = columns_ * tiles_ * engine_->row_step() * engine_->col_step() * (engine_->steps() + 1) < kSmall;
  int threads = small ? 1 : pool.size();
  pool.run([&](int thread) {
    if (thread >= threads) return;
    auto [begin, end] = share(tasks, thread, threads);
    if (begin == end) return;
    Walk walk;
    walk.frame.in = in;
    engine_->begin(walk.frame);
    for (int64_t t = begin; t < end; t++) task(walk, t / parts_, t % parts_, out, partial);
  });
  if (parts_ == 1) return;
  pool.run([&](int thread) {
    auto [begin, end] = share(kept_, thread, pool.size(), 16);
    combine(out, partial, begin, end);
  });
}

// Reduces one part of the tiles that end in one column (kept position) of tiles.
void Reduce::task(Walk& w, int64_t column, int64_t part, float* const* out, double* work) const {
  int64_t begin = tiles_ * part / parts_, end = tiles_ * (part + 1) / parts_, at[4], offset = start_of(column, begin, at);
  const float empty = fold_ == Fold::sum ? 0.0f : -std::numeric_limits<float>::infinity();
  const int64_t most = (reduced_[2] && !reduced_[3] ? 1 : engine_->row_step()) * (reduced_[3] ? 1 : engine_->col_step());
  for (int k = 0; k < engine_->outputs(); k++) {
    std::fill_n(w.acc[k], most, empty);
    std::fill_n(w.total[k], most, static_cast<double>(empty));
  }
  int64_t width = 0;  // numbers accumulated
  for (int64_t i = begin; i < end; i++) {
    width = std::max(width, fold_tile(w, at));
    if ((i - begin + 1) % flush_ == 0 || i + 1 == end) {
      for (int k = 0; k < engine_->outputs(); k++) {
        (fold_ == Fold::sum ? table_->move_sum : table_->move_max)(w.total[k], w.acc[k], width);
      }
    }
    for (int d = 3; d >= 0; d--) {  // the next tile
      if (!reduced_[d]) continue;
      if (++at[d] < count_[d]) break;
      at[d] = 0;
    }
  }
  for (int k = 0; k < engine_->outputs(); k++) {
    double* total = w.total[k];
    if (reduced_[3] && reduced_[2]) {  // the rows too
      for (int64_t r = 1; r < width; r++) total[0] = join(total[0], total[r]);
    }
    int64_t n = reduced_[3] && reduced_[2] ? 1 : width;
    for (int64_t i = 0; i < n; i++) {
      if (parts_ == 1)
        out[k][offset + i] = static_cast<float>(total[i]);
      else
        work[(k * parts_ + part) * kept_ + offset + i] = total[i];
    }
  }
}

// The position of tile `tile` of a column of tiles; returns where the column's numbers go in an output.
int64_t Reduce::start_of(int64_t column, int64_t tile, int64_t* at) const {
  int64_t offset = 0, stride = 1;
  for (int d = 3; d >= 0; d--) {
    int64_t& rest = reduced_[d] ? tile : column;
    at[d] = rest % count_[d];
    rest /= count_[d];
    if (reduced_[d]) continue;
    offset += at[d] * (d == 2 ? engine_->row_step() : d == 3 ? engine_->col_step() : 1) * stride;
    stride *= engine_->dims()[d];
  }
  return offset;
}

// Evaluates a tile and folds it onto acc: [rows] where the columns go, [cols] where the rows go, [rows, cols] where neither
// does. Returns how many numbers that are.
int64_t Reduce::fold_tile(Walk& w, const int64_t* at) const {
  const PwEngine& e = *engine_;
  const int64_t* dims = e.dims();
  int64_t row = at[2] * e.row_step(), col = at[3] * e.col_step();
  int64_t rows = std::min(e.row_step(), dims[2] - row), cols = std::min(e.col_step(), dims[3] - col);
  e.eval(w.frame, {at[0] * dims[1] + at[1], row, col, rows, cols});
  const bool sum = fold_ == Fold::sum;
  for (int k = 0; k < e.outputs(); k++) {
    const float* v = e.result(w.frame, k);
    if (e.scalar_result(k)) {
      std::fill_n(w.filled, rows * cols, *v);
      v = w.filled;
    }
    if (reduced_[3])
      (sum ? table_->sum_cols : table_->max_cols)(w.acc[k], v, rows, cols);
    else if (reduced_[2])
      (sum ? table_->sum_rows : table_->max_rows)(w.acc[k], v, rows, cols);
    else
      (sum ? table_->sum_rows : table_->max_rows)(w.acc[k], v, 1, rows * cols);
  }
  return reduced_[3] ? rows : reduced_[2] ? cols : rows * cols;
}

double Reduce::join(double x, double y) const { return fold_ == Fold::sum ? x + y : x > y || std::isnan(x) ? x : y; }

void Reduce::combine(float* const* out, const double* work, int64_t begin, int64_t end) const {
  for (int k = 0; k < engine_->outputs(); k++) {
    const double* from = work + k * parts_ * kept_;
    for (int64_t i = begin; i < end; i++) {
      double x = from[i];
      for (int64_t p = 1; p < parts_; p++) x = join(x, from[p * kept_ + i]);
      out[k][i] = static_cast<float>(x);
    }
  }
}

}  // namespace fovea::kernels
