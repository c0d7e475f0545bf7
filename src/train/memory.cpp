#include "train/memory.h"

#include "base/error.h"
#include "base/text.h"

namespace fovea {

Memory memory_of(const Plan& plan, bool consume) {
  auto bytes = [](int64_t floats) { return static_cast<uint64_t>(floats) * sizeof(float); };
  return {.weights = bytes(plan.state_floats),
          .packed = bytes(plan.setup_floats),
          .loading = bytes(plan.loading_floats(consume)),
          .activations = bytes(plan.arena_floats)};
}

void check_memory(const Memory& memory, uint64_t limit, const std::string& name, const std::string& advice) {
  auto text = [](uint64_t bytes) { return human_bytes(static_cast<double>(bytes)); };
  if (memory.peak() <= limit) return;
  fail(Code::resources, "{}: needs {} of memory ({} weights while they are packed, {} activations), the limit is {}. {}",
       name, text(memory.peak()), text(memory.loading), text(memory.activations), text(limit), advice);
}

}  // namespace fovea
