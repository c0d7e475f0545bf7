// Rows of a table by number against the plain loops, with numbers beyond the table.
#include "kernels/gather.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kernels/guarded.h"
#include "kernels/noise.h"

namespace fovea::kernels {
namespace {

using test::Guarded;
using test::noise;

struct Case {
  GatherShape shape;
  std::vector<float> table, index, dy;
  std::vector<int64_t> row;  // what each number means
};

Case make(const GatherShape& s) {
  const auto n = [](int64_t floats) { return static_cast<size_t>(floats); };
  Case c{s, noise(n(s.rows * s.width), 1), {}, noise(n(s.count * s.width), 2), {}};
  for (float at : noise(n(s.count), 3, -1.5f, static_cast<float>(s.rows) + 1)) {
    c.index.push_back(std::round(at));
    c.row.push_back(std::clamp<int64_t>(std::llround(at), 0, s.rows - 1));
  }
  return c;
}

void check(const GatherShape& s) {
  const Case c = make(s);
  std::vector<float> want(c.dy.size());
  std::vector<double> sums(c.table.size()), terms(c.table.size());
  const auto width = static_cast<size_t>(s.width);
  for (size_t i = 0; i < want.size(); i++) {
    const size_t at = static_cast<size_t>(c.row[i / width]) * width + i % width;
    want[i] = c.table[at], sums[at] += c.dy[i], terms[at]++;
  }
  std::vector<float> first;
  for (int threads : {1, 2, 3, 7}) {
    Pool pool(threads);
    Guarded table(c.table), index(c.index), dy(c.dy), out(s.count * s.width, Guarded::At::end, NAN),
        grad(s.rows * s.width, Guarded::At::end, NAN);
    gather(s, table.data(), index.data(), out.data(), pool);
    ASSERT_EQ(out.values(), want) << threads << " threads";
    gather_grad(s, index.data(), dy.data(), grad.data(), pool);
    for (size_t i = 0; i < sums.size(); i++)
      ASSERT_NEAR(grad.values()[i], sums[i], terms[i] * terms[i] * 0x1p-24) << threads << " threads";
    if (first.empty()) first = grad.values();
    ASSERT_EQ(grad.values(), first) << threads << " threads";
  }
}

TEST(Gather, RowsAndTheirSums) {
  for (GatherShape s : {GatherShape{1, 1, 1}, GatherShape{1, 5, 9}, GatherShape{13, 3, 200}, GatherShape{9, 1, 4},
                        GatherShape{5, 33, 40}, GatherShape{400, 2, 3}})
    check(s);
}
// Enough for several threads.
TEST(Gather, LargeTables) { check({169, 6, 2401}); }

TEST(Gather, ANumberThatIsNone) {
  const float table[] = {7, 8}, index[] = {NAN, INFINITY, -INFINITY};
  float out[3];
  Pool pool(1);
  gather({2, 1, 3}, table, index, out, pool);
  EXPECT_EQ(out[0], 7);
  EXPECT_EQ(out[1], 8);
  EXPECT_EQ(out[2], 7);
}

}  // namespace
}  // namespace fovea::kernels
