#include "kernels/gemm_pack.h"

#include <cstring>

#include "kernels/depthwise_tile.h"
#include "kernels/isa/tables.h"

namespace fovea::kernels {

void pack_panel(const float* from, int64_t m_step, int64_t k_step, int64_t ms, int64_t ks, float* to, int64_t width) {
  if (m_step == 1) {
    for (int64_t k = 0; k < ks; k++) std::memcpy(to + k * width, from + k * k_step, ms * sizeof(float));
    return;
  }
  FOVEA_TABLE(active_isa(), depthwise).transpose(to, width, from, m_step, ms, ks, 1.0f, false);
}

}  // namespace fovea::kernels
