// Antialiased bicubic resampling from its definition, one weight at a time: the oracle of resampling.
#pragma once
#include <algorithm>
#include <cmath>

namespace fovea::test {

inline double cubic(double x) {  // Keys 1981 with a = -1/2
  x = std::fabs(x);
  if (x <= 1) return 1.5 * x * x * x - 2.5 * x * x + 1;
  return x < 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2 : 0;
}

// The weight of input j in output i.
inline double share(int in, int out, int i, int j) {
  double scale = static_cast<double>(in) / out, width = std::max(scale, 1.0), sum = 0;
  auto at = [&](int k) { return cubic((k + 0.5 - (i + 0.5) * scale) / width); };
  for (int k = 0; k < in; k++) sum += at(k);
  return at(j) / sum;
}

}  // namespace fovea::test
