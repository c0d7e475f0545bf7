// Small arithmetic that the convolutions share.
#pragma once
#include <cstddef>
#include <cstdint>

namespace fovea::kernels {

inline size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }
inline int64_t ceil_div(int64_t a, int64_t b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }

// How many groups to treat as one, so that their channels fill a vector: the fewest that divide all.
inline int groups_to_join(int groups, int channels, int lanes) {
  int join = 1;
  while (join < groups && (join * channels < lanes || groups % join != 0)) join++;
  return join;
}

}  // namespace fovea::kernels
