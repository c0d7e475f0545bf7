// What each instruction set offers to the pointwise engine, the reductions and the row kernels: tables of plain functions.
// The engines choose a table when they are made and are themselves compiled without ISA flags.
#pragma once
#include <cstdint>

#include "base/cpu.h"
#include "kernels/pointwise_ops.h"

namespace fovea::kernels {

// d[i] = op(a[i], b[i], c[i]) for i in [0, n). d may be one of the operands.
using PwFn = void (*)(float* d, const float* a, const float* b, const float* c, int64_t n);

// One step of a chain: x = op(x, operand), or op(operand, x) if reversed. A commutative op is never reversed.
struct PwLink {
  const float* operand;
  int64_t mask;  // of the index into operand: -1 for an array, 0 for sixteen equal numbers, else it repeats (every 128 or
                 // 256 or ...)
  int code;

  static constexpr int code_of(Pw op, bool reversed) { return static_cast<int>(op) * 2 + reversed; }
  static constexpr bool commutes(Pw op) { return op != Pw::sub && op != Pw::div && op != Pw::gt && op != Pw::ge; }
  static constexpr bool has(Pw op) {
    switch (op) {
      case Pw::neg:
      case Pw::abs:
      case Pw::exp:
      case Pw::sqrt:
      case Pw::rsqrt:
      case Pw::recip:
      case Pw::tanh:
      case Pw::erf:
      case Pw::sigmoid:
      case Pw::relu:
      case Pw::square:
      case Pw::add:
      case Pw::sub:
      case Pw::mul:
      case Pw::div:
      case Pw::max:
      case Pw::min:
      case Pw::gt:
      case Pw::ge: return true;
      default: return false;
    }
  }
};

struct PwTable {
  // The second index is a set of operands that are one number for all i: 1 for a, 2 for b, 4 for c. Null where an op has no
  // such operand, and where all of them would be.
  PwFn fn[kPwOps][8];
  // d[i] = the links applied to a[i], one after the other.
  void (*chain)(float* d, const float* a, const PwLink* links, int count, int64_t n);
  // d [rows, cols] dense = s with strides rs, cs.
  void (*load2d)(float* d, const float* s, int64_t rows, int64_t cols, int64_t rs, int64_t cs);
  // d with row stride ld = s [rows, cols] dense.
  void (*store2d)(float* d, const float* s, int64_t rows, int64_t cols, int64_t ld);
};

inline constexpr int kMomentsStrip = 256;  // columns that join_moments takes at once

struct RowsTable {
  // Of a dense tile v [rows, cols], folded onto acc [cols] or acc [rows], acc included.
  void (*sum_rows)(float* acc, const float* v, int64_t rows, int64_t cols);
  void (*max_rows)(float* acc, const float* v, int64_t rows, int64_t cols);
  void (*sum_cols)(float* acc, const float* v, int64_t rows, int64_t cols);
  void (*max_cols)(float* acc, const float* v, int64_t rows, int64_t cols);
  // total += acc and acc = 0; total = max(total, acc) and acc = -infinity.
  void (*move_sum)(double* total, float* acc, int64_t n);
  void (*move_max)(double* total, float* acc, int64_t n);

  // Row by row, as rows.h says. gamma and beta may be null.
  void (*layer_norm)(float* y, const float* x, const float* gamma, const float* beta, float eps, int64_t rows, int64_t cols);
  void (*layer_norm_backward)(float* dx, const float* dy, const float* x, const float* gamma, float eps, int64_t rows,
                              int64_t cols);
  // The rows' shares in the gradients of gamma and beta, added to them.
  void (*layer_norm_sums)(float* dgamma, float* dbeta, const float* dy, const float* x, float eps, int64_t rows,
                          int64_t cols);
  void (*softmax)(float* y, const float* x, int64_t rows, int64_t cols);
  void (*log_softmax)(float* y, const float* x, int64_t rows, int64_t cols);
  // Joins x [rows, cols] of row stride ld with the moments of `before` earlier rows. m2: sums of squares about the mean.
  void (*join_moments)(double* mean, double* m2, int64_t before, const float* x, int64_t rows, int64_t cols, int64_t ld);
};

namespace portable {
extern const PwTable pw;
extern const RowsTable rows;
}  // namespace portable
namespace avx2 {
extern const PwTable pw;
extern const RowsTable rows;
}  // namespace avx2
namespace avx512 {
extern const PwTable pw;
extern const RowsTable rows;
}  // namespace avx512

// The entry of an instruction set in a family of tables, among those that this build has.
#if defined(__x86_64__)
#define FOVEA_TABLE(isa, name) ((isa) == Isa::avx512 ? avx512::name : (isa) == Isa::avx2 ? avx2::name : portable::name)
#else
#define FOVEA_TABLE(isa, name) ((void)(isa), portable::name)
#endif

}  // namespace fovea::kernels
