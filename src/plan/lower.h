// From operators as recorded to operators that have kernels: composites without one are opened, trivial arithmetic goes.
#pragma once
#include <memory>

#include "plan/plan.h"

namespace fovea {

std::unique_ptr<Graph> lower(const Graph& g, const PlanOptions& options);

bool is_pointwise(const Node& n);  // belongs into pointwise programs

// A value that needs no memory of its own: part of another's.
struct Alias {
  int root;
  int64_t offset;  // floats
};
Alias resolve(const Graph& g, int id);  // through reshapes and contiguous slices

}  // namespace fovea
