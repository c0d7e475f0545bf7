// What a kernel does to every finished block of its output while the block is still in cache.
#pragma once
#include <cstdint>

namespace fovea::kernels {

struct Epilogue {
  // Rewrites `rows` pixels (flattened n*h*w indices from row0 on) x channels [c0, c1) in place.
  // y is the first element of the block; pixels are `ld` floats apart.
  void (*fn)(const void* ctx, float* y, int64_t row0, int64_t rows, int64_t ld, int64_t c0, int64_t c1);
  const void* ctx;

  void operator()(float* y, int64_t row0, int64_t rows, int64_t ld, int64_t c0, int64_t c1) const {
    fn(ctx, y, row0, rows, ld, c0, c1);
  }
};

}  // namespace fovea::kernels
