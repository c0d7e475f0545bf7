// Resampling of numbers against the definition: every output is a mean of all inputs, weighted by the filter's value at
// their distance, and the weights sum to 1.
#include "io/resample.h"

#include <gtest/gtest.h>

#include <cmath>

#include "io/cubic.h"

namespace fovea {
namespace {

using test::share;

TEST(Resample, IsTheWeightedMeanOfAllInputs) {
  const int sizes[][4] = {{14, 14, 16, 16}, {16, 16, 9, 7}, {7, 7, 24, 24}, {5, 8, 5, 3}, {2, 1, 3, 4}, {3, 3, 1, 1}};
  for (auto [h, w, out_h, out_w] : sizes) {
    constexpr int c = 3;
    std::vector<float> in(static_cast<size_t>(h * w * c)), out(static_cast<size_t>(out_h * out_w * c));
    for (size_t i = 0; i < in.size(); i++) in[i] = std::sin(static_cast<float>(i * i % 97));
    resample(in.data(), h, w, c, Filter::bicubic, out.data(), out_h, out_w);
    for (int y = 0; y < out_h; y++)
      for (int x = 0; x < out_w; x++)
        for (int k = 0; k < c; k++) {
          double need = 0;
          for (int i = 0; i < h; i++)
            for (int j = 0; j < w; j++)
              need += share(h, out_h, y, i) * share(w, out_w, x, j) * static_cast<double>(in[size_t((i * w + j) * c + k)]);
          EXPECT_NEAR(static_cast<double>(out[size_t((y * out_w + x) * c + k)]), need, 2e-7)
              << h << "x" << w << " to " << out_h << "x" << out_w << " at " << y << ", " << x;
        }
  }
}

TEST(Resample, TheSameSizeIsTheSame) {
  std::vector<float> in(4 * 5 * 2), out(in.size());
  for (size_t i = 0; i < in.size(); i++) in[i] = static_cast<float>(i) * 0.37f;
  resample(in.data(), 4, 5, 2, Filter::bicubic, out.data(), 4, 5);
  EXPECT_EQ(in, out);
}

}  // namespace
}  // namespace fovea
