// The kernel rows, one file per family of kernels; rows.cpp puts them in order.
#pragma once
#include <span>

#include "plan/kernel.h"

namespace fovea {

std::span<const Row> conv_rows();
std::span<const Row> matmul_rows();
std::span<const Row> attention_rows();
std::span<const Row> scan_rows();
std::span<const Row> window_rows();
std::span<const Row> layout_rows();
std::span<const Row> gather_rows();
std::span<const Row> norm_rows();
std::span<const Row> random_rows();
std::span<const Row> all_reduce_rows();
std::span<const Row> reference_rows();

inline std::string takes_all(const Query&) { return {}; }

}  // namespace fovea
