// Matrix products of operands as they lie. A product with constant weights is a 1x1 convolution (conv_gather.h), which packs
// them once. run() neither allocates nor throws, and its bits do not depend on the threads.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/threads.h"
#include "kernels/epilogue.h"
#include "kernels/gemm_tile.h"

namespace fovea::kernels {

// C[m, n] = A[m, k] B[k, n] for every (outer, inner) of a batch; all rows contiguous, `ld` floats apart.
// A transposed operand lies in memory as [k, m] or [n, k]. A step of 0 shares one operand along that axis of the batch.
struct MatmulShape {
  struct Operand {
    int64_t ld = 0, outer_step = 0, inner_step = 0;  // floats
    bool transposed = false;                         // never C
  };
  int64_t m, n, k;
  Operand a, b, c;
  int64_t outer = 1, inner = 1;

  // Dense matrices one after another.
  static MatmulShape dense(int64_t m, int64_t n, int64_t k, bool transpose_a = false, bool transpose_b = false,
                           int64_t batch = 1);
};

class Matmul {
 public:
  Matmul(const MatmulShape& shape, Isa isa, int threads);

  const char* name() const { return "matmul"; }
  size_t workspace_bytes() const { return threads_ * thread_bytes_; }
  // The epilogue's rows are numbered (outer, inner, m).
  void run(const float* a, const float* b, float* c, void* work, Pool& pool, const Epilogue* epilogue) const;

 private:
  struct Space;
  struct Job;
  struct Block {
    int64_t batch, m0, m1, n0, n1;
  };
  Block block(int64_t task) const;
  void run_block(const Job& job, const Block& block, Space& space) const;
  const float* panel(const Job& job, const Block& block, int64_t k0, int64_t k1, Space& space, int64_t& ld) const;

  MatmulShape shape_;
  const TileSet& tiles_;
  int threads_;
  Parts panels_, slices_, chunks_;  // of n (in vectors), k and m
  bool packs_;                      // B is copied panel by panel into the order of the tiles
  size_t thread_bytes_;
};

}  // namespace fovea::kernels
