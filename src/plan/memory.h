// Static memory: every arena buffer gets an offset such that no two buffers alive at the same step overlap.
#pragma once
#include <vector>

#include "plan/plan.h"

namespace fovea {

// Fills the offsets of arena buffers (64-byte aligned, in floats); returns the arena's size in floats.
int64_t assign_offsets(std::vector<Buffer>& buffers);

}  // namespace fovea
