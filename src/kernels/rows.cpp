#include "kernels/rows.h"

#include <algorithm>
#include <cmath>

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

void Rows::rms_norm(const float* x, const float* gamma, float eps, float* y, int64_t rows, int64_t cols, Pool& pool) const {
  over_rows(rows, cols, pool,
            [&](int64_t r, int64_t n) { table_->rms_norm(y + r * cols, x + r * cols, gamma, eps, n, cols); });
}

void Rows::softmax(const float* x, float* y, int64_t rows, int64_t cols, Pool& pool) const {
  over_rows(rows, cols, pool, [&](int64_t r, int64_t n) { table_->softmax(y + r * cols, x + r * cols, n, cols); });
}

void Rows::log_softmax(const float* x, float* y, int64_t rows, int64_t cols, Pool& pool) const {
  over_rows(rows, cols, pool, [&](int64_t r, int64_t n) { table_->log_softmax(y + r * cols, x + r * cols, n, cols); });
}

void Rows::softmax_backward(const float* y, const float* dy, float* dx, int64_t rows, int64_t cols, Pool& pool) const {
  over_rows(rows, cols, pool,
            [&](int64_t r, int64_t n) { table_->softmax_backward(dx + r * cols, y + r * cols, dy + r * cols, n, cols); });
}

void Rows::log_softmax_backward(const float* y, const float* dy, float* dx, int64_t rows, int64_t cols, Pool& pool) const {
  over_rows(rows, cols, pool, [&](int64_t r, int64_t n) {
    table_->log_softmax_backward(dx + r * cols, y + r * cols, dy + r * cols, n, cols);
  });
}

// Each part has totals of dgamma and dbeta in double, and the two sums of its last few rows in float.
size_t Rows::layer_norm_backward_workspace(int64_t rows, int64_t cols) {
  return static_cast<size_t>(parts_of(rows, cols) * cols) * 2 * (sizeof(double) + sizeof(float));
}

void Rows::layer_norm_backward(const float* dy, const float* x, const float* gamma, float eps, float* dx, float* dgamma,
                               float* dbeta, int64_t rows, int64_t cols, void* work, Pool& pool) const {
  if (!dgamma && !dbeta) {
    return over_rows(rows, cols, pool, [&](int64_t r, int64_t n) {
      table_->layer_norm_backward(dx + r * cols, nullptr, nullptr, dy + r * cols, x + r * cols, gamma, eps, n, cols);
    });
  }
  constexpr int64_t kDepth = 64;  // rows summed in float
  const int64_t parts = parts_of(rows, cols);
  auto* total = static_cast<double*>(work);
  auto* last = reinterpret_cast<float*>(total + parts * 2 * cols);
  pool.run([&](int thread) {
    auto [begin, end] = share(parts, thread, pool.size());
    for (int64_t p = begin; p < end; p++) {
      double* sums = total + p * 2 * cols;
      float* few = last + p * 2 * cols;
      std::fill_n(sums, 2 * cols, 0.0);
      std::fill_n(few, 2 * cols, 0.0f);
      auto [r, stop] = share(rows, static_cast<int>(p), static_cast<int>(parts));
      for (; r < stop; r += kDepth) {
        int64_t n = std::min(kDepth, stop - r);
        table_->layer_norm_backward(dx + r * cols, few, few + cols, dy + r * cols, x + r * cols, gamma, eps, n, cols);
        table_->move_sum(sums, few, 2 * cols);
      }
    }
  });
  pool.run([&](int thread) {
    auto [begin, end] = share(cols, thread, pool.size(), 16);
    for (int64_t c = begin; c < end; c++) {
      double sums[2] = {};
      for (int64_t p = 0; p < parts; p++) {
        for (int k = 0; k < 2; k++) sums[k] += total[(p * 2 + k) * cols + c];
      }
      if (dgamma) dgamma[c] = static_cast<float>(sums[0]);
      if (dbeta) dbeta[c] = static_cast<float>(sums[1]);
    }
  });
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

namespace {
// Whether a at column i comes before b at column k: larger, NaN largest, the earlier column among equals.
bool before(float a, int32_t i, float b, int32_t k) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && (!std::isnan(b) || i < k);
  return a > b || (a == b && i < k);
}
}  // namespace

void Rows::argmax(const float* x, int32_t* at, int64_t rows, int64_t cols, Pool& pool) {
  top_k(x, nullptr, at, rows, cols, 1, pool);
}

// Insertion into the best so far: k is small where this is used (accuracies), so a row is one pass with rare moves.
void Rows::top_k(const float* x, float* values, int32_t* at, int64_t rows, int64_t cols, int64_t k, Pool& pool) {
  over_rows(rows, cols, pool, [&](int64_t first, int64_t n) {
    for (int64_t r = first; r < first + n; r++) {
      const float* row = x + r * cols;
      int32_t* best = at + r * k;
      int64_t count = 0;
      for (int32_t c = 0; c < cols; c++) {
        if (count == k && !before(row[c], c, row[best[k - 1]], best[k - 1])) continue;
        int64_t i = count < k ? count++ : k - 1;
        for (; i > 0 && before(row[c], c, row[best[i - 1]], best[i - 1]); i--) best[i] = best[i - 1];
        best[i] = c;
      }
      for (int64_t i = 0; values && i < k; i++) values[r * k + i] = row[best[i]];
    }
  });
}

}  // namespace fovea::kernels
