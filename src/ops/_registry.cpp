#include "ops/registry.h"

namespace fovea {

#define FOVEA_ENTRY(file) std::span<const Op* const> ops_of_##file();
#include "ops_list.inc"
#undef FOVEA_ENTRY

std::vector<const Op*> all_ops() {
  std::vector<const Op*> r;
#define FOVEA_ENTRY(file) \
  for (const Op* op : ops_of_##file()) r.push_back(op);
#include "ops_list.inc"
#undef FOVEA_ENTRY
  return r;
}

}  // namespace fovea
