#include "kernels/gemm_pack.h"

#include <algorithm>
#include <cstring>

namespace fovea::kernels {

void pack_panel(const float* from, int64_t m_step, int64_t k_step, int64_t ms, int64_t ks, float* to, int64_t width) {
  if (m_step == 1) {
    for (int64_t k = 0; k < ks; k++) std::memcpy(to + k * width, from + k * k_step, ms * sizeof(float));
    return;
  }
  constexpr int64_t kLine = 16;  // one cache line of every source row at a time
  for (int64_t k0 = 0; k0 < ks; k0 += kLine) {
    const int64_t k1 = std::min(ks, k0 + kLine);
    for (int64_t m = 0; m < ms; m++) {
      for (int64_t k = k0; k < k1; k++) to[k * width + m] = from[m * m_step + k * k_step];
    }
  }
}

}  // namespace fovea::kernels
