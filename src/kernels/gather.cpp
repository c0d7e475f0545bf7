#include "kernels/gather.h"

#include <algorithm>

namespace fovea::kernels {
namespace {

constexpr int64_t kSmall = 1 << 13;  // floats that are not worth a second thread

int64_t row_of(float number, int64_t rows) {
  if (!(number > 0)) return 0;  // nor a NaN
  return number < static_cast<float>(rows - 1) ? static_cast<int64_t>(number + 0.5) : rows - 1;
}

// body(begin, end) for every thread's share of n items.
template <class F>
void over(int64_t n, int64_t floats, Pool& pool, F&& body) {
  const int threads = floats < kSmall ? 1 : pool.size();
  pool.run([&](int thread) {
    if (thread >= threads) return;
    auto [begin, end] = share(n, thread, threads);
    if (begin < end) body(begin, end);
  });
}

}  // namespace

void gather(const GatherShape& s, const float* table, const float* index, float* out, Pool& pool) {
  over(s.count, s.count * s.width, pool, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++)
      std::copy_n(table + row_of(index[i], s.rows) * s.width, s.width, out + i * s.width);
  });
}

// A thread owns some rows of the table and looks at all numbers: so the order of a row's sum is one for any number of
// threads.
void gather_grad(const GatherShape& s, const float* index, const float* dy, float* table, Pool& pool) {
  over(s.rows, s.count * s.width, pool, [&](int64_t begin, int64_t end) {
    std::fill(table + begin * s.width, table + end * s.width, 0.f);
    for (int64_t i = 0; i < s.count; i++) {
      const int64_t row = row_of(index[i], s.rows);
      if (row < begin || row >= end) continue;
      float* to = table + row * s.width;
      const float* from = dy + i * s.width;
      for (int64_t k = 0; k < s.width; k++) to[k] += from[k];
    }
  });
}

}  // namespace fovea::kernels
