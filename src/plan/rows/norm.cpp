#include "plan/rows/rows.h"

namespace fovea {
std::span<const Row> norm_rows() { return {}; }
}  // namespace fovea
