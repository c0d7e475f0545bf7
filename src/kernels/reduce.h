// Sums and maxima of elementwise programs over some of the domain's dimensions, several at once:
// channel sums, means per image, sum(dy) and sum(dy * xhat) in one reading, norms of everything.
//
// The tree is fixed by the shape: tiles of at most 2048 values are summed in single-precision lanes, lanes at most 64 deep,
// then in double; parts of the domain (as many as the shape says, whatever the threads) are summed in double in order.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

#include "kernels/pointwise.h"

namespace fovea::kernels {

enum class Fold : uint8_t { sum, max };  // max passes NaN on

class Reduce {
 public:
  static constexpr int kMaxOutputs = 4;

  // reduced[d]: dimension d of the domain disappears; outputs are dense over the others.
  Reduce(const PwProgram& program, const bool (&reduced)[4], Fold fold, Isa isa);
  ~Reduce();
  Reduce(Reduce&&) noexcept;

  size_t workspace_bytes() const;
  // out must not overlap any input.
  void run(const float* const* in, float* const* out, void* work, Pool& pool) const;

 private:
  struct Walk;
  void task(Walk& walk, int64_t column, int64_t part, float* const* out, double* work) const;
  int64_t start_of(int64_t column, int64_t tile, int64_t* at) const;
  int64_t fold_tile(Walk& walk, const int64_t* at) const;
  double join(double x, double y) const;
  void combine(float* const* out, const double* work, int64_t begin, int64_t end) const;

  std::unique_ptr<PwEngine> engine_;
  Fold fold_;
  bool reduced_[4];   // of the merged dimensions
  int64_t count_[4];  // tiles along each
  int64_t flush_;     // tiles between moves from float to double
  int64_t columns_, tiles_, parts_,
      kept_;  // kept tile positions, tiles to reduce for each, parts of those, numbers per output
  const struct RowsTable* table_;
};

}  // namespace fovea::kernels
