// The paths that maps are scanned along.
#include "nn/scan_path.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "ops/gather.h"
#include "ops/reshape.h"
#include "run/interpret.h"

namespace fovea {
namespace {

struct Walk {
  std::vector<double> order, place, ways, there_and_back;
};
Walk walk(int h, int w, bool columns, bool back) {
  Graph g;
  ScanPath path = snake_path(g, h, w, columns, back);
  Tensor ways = directions(path, w), tokens = reshape(iota(g, {h * w}, 0), {1, h * w, 1});
  Tensor again = reorder(reorder(tokens, path.order), path.place);
  Values v = interpret(g, {}, {path.order.id, path.place.id, ways.id, again.id});
  return {v[path.order.id], v[path.place.id], v[ways.id], v[again.id]};
}

TEST(ScanPath, VisitsEveryPixelOnceAndOnlyNeighboursFollow) {
  for (auto [h, w] : {std::pair{4, 5}, {5, 4}, {3, 3}, {1, 6}, {6, 1}, {1, 1}})
    for (bool columns : {false, true})
      for (bool back : {false, true}) {
        SCOPED_TRACE(std::to_string(h) + "x" + std::to_string(w) + (columns ? " columns" : "") + (back ? " back" : ""));
        Walk p = walk(h, w, columns, back);
        std::set<int> seen;
        for (int i = 0; i < h * w; i++) {
          const int pixel = static_cast<int>(p.order[static_cast<size_t>(i)]);
          EXPECT_TRUE(pixel >= 0 && pixel < h * w && seen.insert(pixel).second);
          EXPECT_EQ(p.place[static_cast<size_t>(pixel)], i);
          EXPECT_EQ(p.there_and_back[static_cast<size_t>(i)], i);
          const int before = i > 0 ? static_cast<int>(p.order[static_cast<size_t>(i - 1)]) : pixel;
          const int down = pixel / w - before / w, right = pixel % w - before % w;
          EXPECT_EQ(std::abs(down) + std::abs(right), i > 0 ? 1 : 0);
          const int way = right > 0 ? 1 : right < 0 ? 2 : down < 0 ? 3 : down > 0 ? 4 : 0;
          EXPECT_EQ(p.ways[static_cast<size_t>(i)], way);
        }
      }
}

TEST(ScanPath, BeginsWhereItShould) {
  EXPECT_EQ(walk(3, 4, false, false).order, (std::vector<double>{0, 1, 2, 3, 7, 6, 5, 4, 8, 9, 10, 11}));
  EXPECT_EQ(walk(3, 4, true, false).order, (std::vector<double>{0, 4, 8, 9, 5, 1, 2, 6, 10, 11, 7, 3}));
  EXPECT_EQ(walk(3, 4, false, true).order.front(), 11);
  EXPECT_EQ(walk(3, 4, true, true).order.front(), 3);
}

}  // namespace
}  // namespace fovea
