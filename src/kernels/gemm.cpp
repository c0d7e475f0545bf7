#include "kernels/gemm.h"

#include <algorithm>

#include "kernels/conv_split.h"
#include "kernels/gemm_pack.h"

namespace fovea::kernels {
namespace {

constexpr int64_t kSliceFloats = 64 * 1024;  // a packed panel's part that stays in L2
constexpr int64_t kChunkRows = 2048;         // of C per task
constexpr int64_t kPackRows = 16;            // from here on packing pays
constexpr int64_t kEpilogueTiles = 8;

}  // namespace

MatmulShape MatmulShape::dense(int64_t m, int64_t n, int64_t k, bool transpose_a, bool transpose_b, int64_t batch) {
  return {.m = m,
          .n = n,
          .k = k,
          .a = {.ld = transpose_a ? m : k, .outer_step = m * k, .transposed = transpose_a},
          .b = {.ld = transpose_b ? k : n, .outer_step = k * n, .transposed = transpose_b},
          .c = {.ld = n, .outer_step = m * n},
          .outer = batch};
}

struct Matmul::Space {
  const float** rows;  // [chunk] of A, or one pointer if A is transposed
  float** out;         // [chunk] rows of C
  float* panel;        // [slice][width]
};

struct Matmul::Job {
  const float *a, *b;
  float* c;
  const Epilogue* epilogue;
};

Matmul::Matmul(const MatmulShape& shape, Isa isa, int threads)
    : shape_(shape),
      tiles_(tile_set(isa)),
      threads_(threads),
      panels_(tiles_.vectors_for(static_cast<int>(shape.n)), tiles_.vectors),
      slices_(shape.k, std::max<int64_t>(1, kSliceFloats / tiles_.width())),
      chunks_(shape.m, kChunkRows),
      packs_(shape.b.transposed || shape.m >= kPackRows) {
  const int64_t tasks = shape.outer * shape.inner * panels_.count;
  while (chunks_.count < shape.m && tasks * chunks_.count % threads != 0 && tasks * chunks_.count < 8 * threads)
    chunks_.count++;
  const size_t rows = (shape.m + chunks_.count - 1) / chunks_.count,
               depth = slices_.count ? slices_.size(slices_.count - 1) : 0;
  thread_bytes_ =
      round_up(2 * rows * sizeof(float*), 64) + round_up(packs_ ? (depth + 1) * tiles_.width() * sizeof(float) : 0, 64);
}

void Matmul::run(const float* a, const float* b, float* c, void* work, Pool& pool, const Epilogue* epilogue) const {
  const int threads = std::min(threads_, pool.size());
  const int64_t rows = (shape_.m + chunks_.count - 1) / chunks_.count;
  const Job job{a, b, c, epilogue};
  pool.run([&](int thread) {
    if (thread >= threads) return;
    char* base = static_cast<char*>(work) + thread * thread_bytes_;
    Space space{};
    space.rows = reinterpret_cast<const float**>(base);
    space.out = const_cast<float**>(space.rows + rows);
    space.panel = reinterpret_cast<float*>(base + round_up(2 * rows * sizeof(float*), 64));
    const auto [begin, end] = share(shape_.outer * shape_.inner * chunks_.count * panels_.count, thread, threads);
    for (int64_t i = begin; i < end; i++) run_block(job, block(i), space);
  });
}

// Panels vary fastest: consecutive tasks read the same rows of A.
Matmul::Block Matmul::block(int64_t task) const {
  const int64_t panel = task % panels_.count, chunk = task / panels_.count % chunks_.count;
  return {task / panels_.count / chunks_.count, chunks_.begin(chunk), chunks_.end(chunk),
          panels_.begin(panel) * tiles_.lanes, std::min(shape_.n, panels_.end(panel) * tiles_.lanes)};
}

void Matmul::run_block(const Job& job, const Block& block, Space& s) const {
  const int64_t rows = block.m1 - block.m0, outer = block.batch / shape_.inner, inner = block.batch % shape_.inner;
  const float* a = job.a + outer * shape_.a.outer_step + inner * shape_.a.inner_step;
  float* c = job.c + outer * shape_.c.outer_step + inner * shape_.c.inner_step + block.m0 * shape_.c.ld + block.n0;
  for (int64_t i = 0; i < rows; i++) {
    s.out[i] = c + i * shape_.c.ld;
    if (!shape_.a.transposed) s.rows[i] = a + (block.m0 + i) * shape_.a.ld;
  }
  const int vectors = tiles_.vectors_for(static_cast<int>(block.n1 - block.n0));
  const Parts parts(rows, (shape_.a.transposed ? tiles_.columns_form_rows : tiles_.rows_form_rows)[vectors - 1]);
  const TileFn* fns = (shape_.a.transposed ? tiles_.columns_form : tiles_.rows_form)[vectors - 1];
  const float *weights = nullptr, *columns = nullptr;
  Tile tile{};
  tile.a = &weights, tile.terms = 1, tile.ldb = shape_.a.ld, tile.cols = static_cast<int>(block.n1 - block.n0);
  for (int64_t k = 0; k < std::max<int64_t>(1, slices_.count); k++) {
    const int64_t k0 = slices_.count ? slices_.begin(k) : 0, k1 = slices_.count ? slices_.end(k) : 0;
    weights = panel(job, block, k0, k1, s, tile.lda);
    const bool last = k + 1 >= slices_.count;
    tile.depth = k1 - k0, tile.accumulate = k > 0;
    int64_t done = 0;
    for (int64_t i = 0; i < parts.count; i++) {
      columns = a + k0 * shape_.a.ld + block.m0 + parts.begin(i);
      tile.b = shape_.a.transposed ? &columns : s.rows + parts.begin(i);
      tile.b_offset = shape_.a.transposed ? 0 : k0;
      tile.c = s.out + parts.begin(i);
      fns[parts.size(i) - 1](tile);
      if (!last || !job.epilogue || ((i + 1) % kEpilogueTiles != 0 && i + 1 < parts.count)) continue;
      (*job.epilogue)(s.out[done], block.batch * shape_.m + block.m0 + done, parts.end(i) - done, shape_.c.ld, block.n0,
                      block.n1);
      done = parts.end(i);
    }
  }
}

// Columns [n0, n1) of rows [k0, k1) of B: where they begin, and how far apart the rows are.
const float* Matmul::panel(const Job& job, const Block& block, int64_t k0, int64_t k1, Space& s, int64_t& ld) const {
  const MatmulShape::Operand& o = shape_.b;
  const float* b = job.b + block.batch / shape_.inner * o.outer_step + block.batch % shape_.inner * o.inner_step;
  b += o.transposed ? block.n0 * o.ld + k0 : k0 * o.ld + block.n0;
  const int64_t cols = block.n1 - block.n0, width = round_up(cols, tiles_.lanes);
  ld = packs_ ? width : o.ld;
  if (!packs_) return b;
  pack_panel(b, o.transposed ? o.ld : 1, o.transposed ? 1 : o.ld, cols, k1 - k0, s.panel, width);
  return s.panel;
}

}  // namespace fovea::kernels
