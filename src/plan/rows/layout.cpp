#include "plan/rows/rows.h"

namespace fovea {
std::span<const Row> layout_rows() { return {}; }
}  // namespace fovea
