// What pooling refuses: a window that would hold padding alone has no maximum.
#include "ops/pool.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace fovea {
namespace {

TEST(Pool, EveryWindowMustHaveAPixel) {
  Graph g;
  Tensor x = g.input("x", {{1, 8, 8, 3}});
  EXPECT_EQ(max_pool(x, 3, 2, 1).shape(), (Shape{1, 4, 4, 3}));
  EXPECT_EQ(max_pool(x, 3, 1, Pad(0, 0, 2, 2)).shape(), (Shape{1, 8, 8, 3}));
  EXPECT_EQ(max_pool(x, {7, 1}, 1, Pad(3, 0, 3, 0)).shape(), (Shape{1, 8, 8, 3}));
  struct {
    Pair size;
    Pad pad;
  } refused[] = {
      {3, 2}, {{7, 1}, Pad(0, 3, 0, 0)}, {{1, 7}, Pad(3, 0, 0, 0)}, {3, Pad(0, 0, 3, 0)}, {{3, 5}, Pad(0, 0, 0, 5)}};
  for (auto& [size, pad] : refused) {
    EXPECT_THROW(max_pool(x, size, 1, pad), Error) << print_field(size) << " padded " << print_field(pad);
    EXPECT_THROW(avg_pool(x, size, 1, pad, false), Error) << print_field(size) << " padded " << print_field(pad);
  }
}

}  // namespace
}  // namespace fovea
