// What the kernel benches share: a clock, aligned buffers, and the machine's peak as a register tile sees it.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/cpu.h"
#include "base/threads.h"
#include "kernels/gemm_tile.h"

namespace fovea::bench {

inline double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The best of several runs.
template <class F>
double best_time(F&& run) {
  run();
  double best = 1e30;
  const double begin = seconds();
  for (int i = 0; i < 5 || (i < 2000 && seconds() - begin < 0.1); i++) {
    const double start = seconds();
    run();
    best = std::min(best, seconds() - start);
  }
  return best;
}

// What the kernel benches take: --threads N, --isa NAME, --only PART_OF_A_CASE, --cold 1 (operands out of the caches),
// --precisions 1 (forward in each).
struct Options {
  Options(int argc, char** argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
      if (!std::strcmp(argv[i], "--threads")) threads = std::atoi(argv[i + 1]);
      if (!std::strcmp(argv[i], "--isa")) force_isa(isa = isa_from(argv[i + 1], "--isa"));
      if (!std::strcmp(argv[i], "--only")) only = argv[i + 1];
      if (!std::strcmp(argv[i], "--cold")) cold = std::atoi(argv[i + 1]) != 0;
      if (!std::strcmp(argv[i], "--precisions")) precisions = std::atoi(argv[i + 1]) != 0;
    }
  }
  bool takes(const std::string& item) const { return item.find(only) != std::string::npos; }

  int threads = available_threads();
  Isa isa = active_isa();
  std::string only;
  bool cold = false, precisions = false;
};

struct Buffer {
  explicit Buffer(size_t n) : data(static_cast<float*>(std::aligned_alloc(64, (n * 4 + 127) / 64 * 64))) {
    for (size_t i = 0; i < n; i++) data[i] = static_cast<float>(i % 13) * 0.1f - 0.5f;
  }
  ~Buffer() { std::free(data); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  float* data;
};

// FLOP/s of a tile whose operands stay in L1.
inline double peak(Isa isa, Pool& pool) {
  const kernels::TileSet& set = kernels::tile_set(isa);
  const int rows = set.rows_form_rows[set.vectors - 1], depth = 128, repeats = 5000;
  const double t = best_time([&] {
    pool.run([&](int) {
      alignas(64) static thread_local float a[128 * 64], b[16 * 128], c[16 * 64];
      const float *as = a, *bs[16];
      float* cs[16];
      for (int r = 0; r < rows; r++) bs[r] = b + r * depth, cs[r] = c + r * 64;
      kernels::Tile tile{};
      tile.a = &as, tile.b = bs, tile.c = cs, tile.lda = 64, tile.terms = 1, tile.depth = depth, tile.cols = set.width();
      for (int i = 0; i < repeats; i++) set.rows_form[set.vectors - 1][rows - 1](tile);
    });
  });
  return 2.0 * rows * set.width() * depth * repeats * pool.size() / t;
}

}  // namespace fovea::bench
