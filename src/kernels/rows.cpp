#include "kernels/rows.h"

#include <algorithm>

#include "kernels/isa/tables.h"

namespace fovea::kernels {

namespace {

constexpr int64_t kPart = 1 << 13;  // values that are worth a part of their own in a sum over rows
constexpr int64_t kParts = 64;
constexpr int64_t kSmall = 1 << 12;

// body(first row, number of rows) on every thread that has some.
template <class F>
void over_rows(int64_t rows, int64_t cols, Pool& pool, F body) {
  int threads = rows * cols < kSmall ? 1 : pool.size();
  pool.run([&](int thread) {
    if (thread >= threads) return;
    auto [begin, end] = share(rows, thread, threads);
    if (begin < end) body(begin, end - begin);
  });
}

// Into how many parts a sum over rows falls: by the shape alone; at least 32 rows each, if there are as many.
int64_t parts_of(int64_t rows, int64_t cols) {
  return std::clamp<int64_t>(rows * cols / kPart, 1, std::clamp<int64_t>(rows / 32, 1, kParts));
}

}  // namespace

Rows::Rows(Isa isa) : table_(&FOVEA_TABLE(isa, rows)) {}

void Rows::layer_norm(const float* x, const float* gamma, const float* beta, float eps, float* y, int64_t rows, int64_t cols,
                      Pool& pool) const {
  over_rows(rows, cols, pool,
            [&](int64_t r, int64_t n) { table_->layer_norm(y + r * cols, x + r * cols, gamma, beta, eps, n, cols); });
}

void Rows::softmax(const float* x, float* y, int64_t rows, int64_t cols, Pool& pool) const {
  over_rows(rows, cols, pool, [&](int64_t r, int64_t n) { table_->softmax(y + r * cols, x + r * cols, n, cols); });
}

void Rows::log_softmax(const float* x, float* y, int64_t rows, int64_t cols, Pool& pool) const {
  over_rows(rows, cols, pool, [&](int64_t r, int64_t n) { table_->log_softmax(y + r * cols, x + r * cols, n, cols); });
}

void Rows::layer_norm_backward(const float* dy, const float* x, const float* gamma, float eps, float* dx, int64_t rows,
                               int64_t cols, Pool& pool) const {
  over_rows(rows, cols, pool, [&](int64_t r, int64_t n) {
    table_->layer_norm_backward(dx + r * cols, dy + r * cols, x + r * cols, gamma, eps, n, cols);
  });
}

size_t Rows::layer_norm_sums_workspace(int64_t rows, int64_t cols) {
  return static_cast<size_t>(parts_of(rows, cols) * cols) * 2 * (sizeof(double) + sizeof(float));
}

void Rows::layer_norm_sums(const float* dy, const float* x, float eps, float* dgamma, float* dbeta, int64_t rows,
                           int64_t cols, void* work, Pool& pool) const {
  constexpr int64_t kBlock = 64;  // additions in one float
  const int64_t parts = parts_of(rows, cols), both = 2 * cols;
  auto* totals = static_cast<double*>(work);                     // [parts, 2, cols]
  auto* sums = reinterpret_cast<float*>(totals + parts * both);  // likewise
  pool.each(parts, [&](int64_t p) {
    double* total = totals + p * both;
    float* sum = sums + p * both;
    std::fill_n(total, both, 0.0);
    std::fill_n(sum, both, 0.0f);
    auto [first, stop] = share(rows, static_cast<int>(p), static_cast<int>(parts));
    for (int64_t r = first; r < stop; r += kBlock) {
      table_->layer_norm_sums(sum, sum + cols, dy + r * cols, x + r * cols, eps, std::min(kBlock, stop - r), cols);
      table_->move_sum(total, sum, both);
    }
  });
  for (int64_t c = 0; c < cols; c++) {
    double gamma = 0, beta = 0;
    for (int64_t p = 0; p < parts; p++) gamma += totals[p * both + c], beta += totals[p * both + cols + c];
    dgamma[c] = static_cast<float>(gamma), dbeta[c] = static_cast<float>(beta);
  }
}

void Rows::sum_groups(const float* x, float* y, int64_t groups, int64_t each, int64_t cols) const {
  for (int64_t g = 0; g < groups; g++, x += each * cols, y += cols) {
    std::fill_n(y, cols, 0.0f);
    table_->sum_rows(y, x, each, cols);
  }
}

size_t Rows::moments_workspace(int64_t rows, int64_t cols) {
  return static_cast<size_t>(parts_of(rows, cols) * cols) * 2 * sizeof(double);
}

void Rows::moments(const float* x, float* mean, float* var, int64_t rows, int64_t cols, void* work, Pool& pool) const {
  constexpr int64_t kBlock = 32, kStrip = kMomentsStrip;  // 32 KiB: the second pass over a block finds it in L1
  const int64_t parts = parts_of(rows, cols), strips = (cols + kStrip - 1) / kStrip;
  auto* means = static_cast<double*>(work);  // [parts, cols]
  double* squares = means + parts * cols;
  auto rows_of = [&](int64_t p) { return share(rows, static_cast<int>(p), static_cast<int>(parts)); };
  pool.run([&](int thread) {
    auto [begin, end] = share(parts * strips, thread, pool.size());
    for (int64_t t = begin; t < end; t++) {
      int64_t c = t % strips * kStrip, width = std::min(kStrip, cols - c);
      double *m = means + t / strips * cols + c, *q = squares + t / strips * cols + c;
      std::fill_n(m, width, 0.0);
      std::fill_n(q, width, 0.0);
      auto [first, stop] = rows_of(t / strips);
      for (int64_t r = first; r < stop; r += kBlock) {
        table_->join_moments(m, q, r - first, x + r * cols + c, std::min(kBlock, stop - r), width, cols);
      }
    }
  });
  pool.run([&](int thread) {
    auto [begin, end] = share(cols, thread, pool.size(), 16);
    for (int64_t c = begin; c < end; c++) {
      double m = 0, q = 0;
      for (int64_t p = 0; p < parts; p++) {
        auto [before, after] = rows_of(p);
        double delta = means[p * cols + c] - m, weight = static_cast<double>(after - before) / static_cast<double>(after);
        m += delta * weight;
        q += squares[p * cols + c] + delta * delta * weight * static_cast<double>(before);
      }
      mean[c] = static_cast<float>(m);
      var[c] = static_cast<float>((q < 0 ? 0 : q) / static_cast<double>(rows));  // a NaN stays
    }
  });
}

}  // namespace fovea::kernels
