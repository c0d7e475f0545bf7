// Rows of a table by number, and the adjoint. Numbers are whole values of floats; those outside of the table count as its
// first or last row. Both are limited by memory, and by the calls of loops for rows of a few floats.
#pragma once
#include <cstdint>

#include "base/threads.h"

namespace fovea::kernels {

struct GatherShape {
  int64_t rows, width;  // of the table
  int64_t count;        // of numbers
};

// out [count, width] from table [rows, width].
void gather(const GatherShape& shape, const float* table, const float* index, float* out, Pool& pool);
// table [rows, width]: every row sums what was read from it, dy [count, width], in its order.
void gather_grad(const GatherShape& shape, const float* index, const float* dy, float* table, Pool& pool);

}  // namespace fovea::kernels
