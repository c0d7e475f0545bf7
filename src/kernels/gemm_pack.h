// Copies a block of a matrix into the order of the tiles.
#pragma once
#include <cstdint>

namespace fovea::kernels {

// to[k * width + m] = from[m * m_step + k * k_step] for m < ms, k < ks; one of the steps is 1. Nothing else is written.
void pack_panel(const float* from, int64_t m_step, int64_t k_step, int64_t ms, int64_t ks, float* to, int64_t width);

}  // namespace fovea::kernels
