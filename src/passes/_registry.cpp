#include "passes/pass.h"

namespace fovea {

#define FOVEA_ENTRY(file) const Pass& pass_of_##file();
#include "passes_list.inc"
#undef FOVEA_ENTRY

std::vector<const Pass*> all_passes() {
  return {
#define FOVEA_ENTRY(file) &pass_of_##file(),
#include "passes_list.inc"
#undef FOVEA_ENTRY
  };
}

}  // namespace fovea
