#include "train/features.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/random.h"

namespace fovea {
namespace {

double distance(const std::vector<float>& map) { return feature_distance(map.data(), 2, 2); }  // of two channels

TEST(Features, DistanceOfChannels) {
  EXPECT_NEAR(distance({1, 2, -3, -6}), 0, 1e-12);      // [1,-3] and twice that
  EXPECT_NEAR(distance({1, 0, 0, 5}), 0.25, 1e-12);     // at right angles
  EXPECT_NEAR(distance({1, -2, 1, -2}), 0.5, 1e-12);    // opposite
  EXPECT_NEAR(distance({1, 0, 1, 0}), 3.0 / 8, 1e-12);  // one is dead
}

TEST(Features, EqualsTheDefinition) {
  constexpr int kPositions = 7, kChannels = 5;
  std::vector<float> map(kPositions * kChannels);
  Random random(4, 2);
  for (float& v : map) v = random.normal();
  auto product = [&](int a, int b) {
    double s = 0;
    for (int p = 0; p < kPositions; p++)
      s += static_cast<double>(map[static_cast<size_t>(p * kChannels + a)]) *
           static_cast<double>(map[static_cast<size_t>(p * kChannels + b)]);
    return s;
  };
  double want = 0;
  for (int a = 0; a < kChannels; a++)
    for (int b = 0; b < kChannels; b++)
      want += (1 - product(a, b) / std::sqrt(product(a, a) * product(b, b))) / 2 / (kChannels * kChannels);
  EXPECT_NEAR(feature_distance(map.data(), kPositions, kChannels), want, 1e-12);
}

}  // namespace
}  // namespace fovea
