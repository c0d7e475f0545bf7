// Reductions with their pointwise prologue as one sweep.
#pragma once
#include "plan/fuse.h"
#include "plan/kernel.h"

namespace fovea {

struct ReduceGroup {
  std::vector<int> leaves;
  size_t workspace_bytes = 0;
  std::function<void(const Call&)> run;  // an output for each id
};

// ids: reduce nodes of one kind, one set of axes, one domain.
ReduceGroup bind_reduce(const Graph& g, const Fusion& f, const std::vector<int>& ids, Isa isa);

// A sum over the pixels of each image [n,h,w,c] as two steps: along every row, which a region can take in, then over rows.
struct ImageSum {
  std::shared_ptr<Banded> rows;  // [n,h,w,c] -> [n,h,1,c]
  std::function<void(const Call&)> run_rows, run;
  size_t workspace_bytes = 0;  // of the second
};
// Whether a node is such a sum, of a value that is there; rows are summed in floats, so they must not be long.
bool sums_images(const Graph& g, const Fusion& f, int id);
ImageSum bind_image_sum(const Shape& image, Isa isa);

// Whether these reductions together are still small enough for one sweep.
bool one_program(const Graph& g, const Fusion& f, const std::vector<int>& ids);

}  // namespace fovea
