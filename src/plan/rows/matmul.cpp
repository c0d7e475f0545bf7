#include "plan/rows/rows.h"

namespace fovea {
std::span<const Row> matmul_rows() { return {}; }
}  // namespace fovea
