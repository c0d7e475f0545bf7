// How different the channels of a map are from each other: whether a layer's features have collapsed.
#pragma once
#include <cstdint>

namespace fovea {

// The mean of (1 - cos) / 2 over all pairs of channels (each with itself too) of one map [positions,channels]
// (arXiv:2301.00808, section 3.3): 0 where all are alike, near 1/2 where none are. A channel of zeros is like no other.
double feature_distance(const float* map, int64_t positions, int channels);

}  // namespace fovea
