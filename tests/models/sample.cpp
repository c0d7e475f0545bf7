// Values between pixels.
#include <gtest/gtest.h>

#include "nn/deformable.h"
#include "ops/pointwise.h"
#include "run/interpret.h"

namespace fovea {
namespace {

// Of one picture with the values 0, 1, ..., row by row, at one place.
double sample(int h, int w, float y, float x) {
  Graph g;
  Tensor values = g.input("values", {{1, h, w, 1, 1}});
  std::vector<double> v(static_cast<size_t>(h * w));
  for (size_t i = 0; i < v.size(); i++) v[i] = static_cast<double>(i);
  Tensor at = sample_bilinear(values, full(g, {1, 1, 1, 1, 1}, y), full(g, {1, 1, 1, 1, 1}, x));
  return interpret(g, {{values.id, v}}, {at.id})[at.id][0];
}

TEST(Sample, IsThePixelOnItAMeanBetweenAndNothingOutside) {
  EXPECT_EQ(sample(3, 4, 1, 2), 6);
  EXPECT_EQ(sample(3, 4, 2, 3), 11);
  EXPECT_EQ(sample(3, 4, 1, 2.5f), 6.5);
  EXPECT_EQ(sample(3, 4, 0.5f, 2.25f), 4.25);
  EXPECT_EQ(sample(3, 4, 2.5f, 3), 5.5);
  EXPECT_EQ(sample(3, 4, 2, -0.75f), 2);
  EXPECT_EQ(sample(3, 4, -1, 2), 0);
  EXPECT_EQ(sample(3, 4, 1, 4), 0);
  EXPECT_EQ(sample(3, 4, 17, -30), 0);
}

}  // namespace
}  // namespace fovea
