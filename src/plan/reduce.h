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

// Whether these reductions together are still small enough for one sweep.
bool one_program(const Graph& g, const Fusion& f, const std::vector<int>& ids);

}  // namespace fovea
