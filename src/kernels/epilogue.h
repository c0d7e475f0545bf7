// What a kernel does to every finished block of its output while the block is still in cache.
#pragma once
#include <cstdint>
#include <limits>

namespace fovea::kernels {

// The commonest epilogue, simple enough to happen before a result leaves its register:
// y = min(max(y + bias + residual, lo), hi), from left to right; a NaN stays.
struct Finish {
  const float* bias = nullptr;      // [channels]
  const float* residual = nullptr;  // of y's shape
  float lo = -std::numeric_limits<float>::infinity(), hi = std::numeric_limits<float>::infinity();
};

// What happens to a register tile's sums on their way to memory.
struct TileFinish {
  const Finish* finish = nullptr;  // null: nothing
  const float* y = nullptr;        // where the output begins: its residual lies likewise
  int64_t channel = 0;             // of column 0
  // [channels]; null: the sums are floats. Sums of integers are first of all scale * (sum - offset), offsets being integers.
  const float *scale = nullptr, *offset = nullptr;
};

struct Epilogue {
  // Rewrites `rows` pixels (flattened n*h*w indices from row0 on) x channels [c0, c1) in place.
  // y is the first element of the block; pixels are `ld` floats apart.
  void (*fn)(const void* ctx, float* y, int64_t row0, int64_t rows, int64_t ld, int64_t c0, int64_t c1);
  const void* ctx;
  const Finish* finish = nullptr;  // what fn does, if it is that simple: a kernel may do either

  void operator()(float* y, int64_t row0, int64_t rows, int64_t ld, int64_t c0, int64_t c1) const {
    fn(ctx, y, row0, rows, ld, c0, c1);
  }
};

}  // namespace fovea::kernels
