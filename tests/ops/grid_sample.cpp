// Grid sampling against what PyTorch's grid_sample gives on a map of 3x4 pixels, k^1.5 for k = 1..12, at five places.
#include "ops/grid_sample.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "run/interpret.h"

namespace fovea {
namespace {

TEST(GridSample, AsPyTorch) {
  struct {
    GridSample a;
    std::vector<double> need;
  } rows[] = {
      {{Sampling::bilinear, Beyond::zeros, false}, {0.25, 24.34914, 1.3851, 20.87071, 1.24708}},
      {{Sampling::bilinear, Beyond::zeros, true}, {1, 21.91125, 11.74351, 30.88147, 28.83142}},
      {{Sampling::bilinear, Beyond::border, false}, {1, 24.34914, 13.85097, 32.10878, 41.56922}},
      {{Sampling::bilinear, Beyond::border, true}, {1, 21.91125, 16.77645, 30.88147, 41.18774}},
      {{Sampling::nearest, Beyond::zeros, false}, {1, 18.52026, 0, 31.62278, 0}},
      {{Sampling::nearest, Beyond::zeros, true}, {1, 18.52026, 22.62742, 31.62278, 41.56922}},
      {{Sampling::nearest, Beyond::border, false}, {1, 18.52026, 8, 31.62278, 41.56922}},
      {{Sampling::nearest, Beyond::border, true}, {1, 18.52026, 22.62742, 31.62278, 41.56922}},
  };
  std::vector<double> pixels;
  for (int k = 1; k <= 12; k++) pixels.push_back(std::pow(k, 1.5));
  for (auto& [a, need] : rows) {
    Graph g;
    Tensor x = g.input("x", {{1, 3, 4, 1}}), places = g.input("places", {{1, 1, 5, 2}});
    Tensor y = grid_sample(x, places, a);
    Values given{{x.id, pixels}, {places.id, {-1, -1, 0.3, 0.2, 1.2, -0.4, -0.2, 0.9, 0.95, 1.3}}};
    std::vector<double> got = interpret(g, given, {y.id}).at(y.id);
    for (size_t i = 0; i < need.size(); i++)
      EXPECT_NEAR(got[i], need[i], 1e-5) << enum_name(a.sampling) << ' ' << enum_name(a.beyond) << ' ' << a.align_corners;
  }
}

TEST(GridSample, Refuses) {
  Graph g;
  Tensor x = g.input("x", {{1, 3, 4, 6}});
  EXPECT_THROW(grid_sample(x, g.input("odd", {{1, 1, 5, 3}})), Error);
  EXPECT_THROW(grid_sample(x, g.input("groups", {{1, 1, 5, 8}})), Error);
  EXPECT_THROW(grid_sample(x, g.input("images", {{2, 1, 5, 2}})), Error);
}

}  // namespace
}  // namespace fovea
