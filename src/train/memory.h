// What a program will take, known before it starts.
#pragma once
#include <algorithm>
#include <string>

#include "plan/plan.h"

namespace fovea {

// In bytes.
struct Memory {
  uint64_t weights = 0;  // as loaded; of a training all that lives from step to step
  uint64_t packed = 0;   // folded and packed: what stays
  uint64_t loading = 0;  // the most of both at once
  uint64_t activations = 0;
  uint64_t peak() const { return loading + activations; }
  uint64_t left_of(uint64_t limit) const { return limit - std::min(peak(), limit); }
};
// consume: as loaded they go as soon as they are packed.
Memory memory_of(const Plan& plan, bool consume = true);
// Resources error with the advice if more than `limit` bytes are needed: what the system would do instead is kill us in
// the middle of the night.
void check_memory(const Memory& memory, uint64_t limit, const std::string& name, const std::string& advice);

}  // namespace fovea
