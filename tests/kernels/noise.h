// The numbers that kernels are tested on.
#pragma once
#include <vector>

#include "base/random.h"

namespace fovea::test {

inline std::vector<float> noise(size_t n, uint64_t stream, float low = -1, float high = 1) {
  Random random(7, stream);
  std::vector<float> values(n);
  for (float& v : values) v = random.uniform(low, high);
  return values;
}

}  // namespace fovea::test
