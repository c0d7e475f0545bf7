#include "train/features.h"

#include <cmath>
#include <vector>

namespace fovea {

// With channels of length 1 the sum of all their products is the square of their sum.
double feature_distance(const float* map, int64_t positions, int channels) {
  size_t c = static_cast<size_t>(channels);
  std::vector<double> length(c, 0);
  for (int64_t p = 0; p < positions; p++)
    for (size_t i = 0; i < c; i++)
      length[i] += std::pow(static_cast<double>(map[p * channels + static_cast<int64_t>(i)]), 2);
  double products = 0;
  for (int64_t p = 0; p < positions; p++) {
    double sum = 0;
    for (size_t i = 0; i < c; i++)
      if (length[i] > 0) sum += static_cast<double>(map[p * channels + static_cast<int64_t>(i)]) / std::sqrt(length[i]);
    products += sum * sum;
  }
  double pairs = static_cast<double>(channels) * channels;
  return (1 - products / pairs) / 2;
}

}  // namespace fovea
