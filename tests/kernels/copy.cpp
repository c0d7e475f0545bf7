// Copies against index arithmetic.
#include "kernels/copy.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "kernels/guarded.h"

namespace fovea::kernels {
namespace {

using test::Guarded;
using Ints = std::vector<int64_t>;

std::vector<float> counting(int64_t n) {
  std::vector<float> v(static_cast<size_t>(n));
  std::iota(v.begin(), v.end(), 1.0f);
  return v;
}

int64_t product(const Ints& v) { return std::accumulate(v.begin(), v.end(), int64_t{1}, std::multiplies<>()); }

Ints dense(const Ints& dims) {
  Ints s(dims.size());
  int64_t step = 1;
  for (size_t d = dims.size(); d-- > 0; step *= dims[d]) s[d] = step;
  return s;
}

// body(index) for every index below dims, the last fastest.
template <class F>
void each_index(const Ints& dims, F body) {
  for (int64_t n = product(dims), i = 0; i < n; i++) {
    Ints at(dims.size());
    for (int64_t rest = i, d = static_cast<int64_t>(dims.size()) - 1; d >= 0; d--) {
      at[static_cast<size_t>(d)] = rest % dims[static_cast<size_t>(d)];
      rest /= dims[static_cast<size_t>(d)];
    }
    body(at);
  }
}

int64_t dot(const Ints& a, const Ints& b) { return std::inner_product(a.begin(), a.end(), b.begin(), int64_t{0}); }

int64_t extent(const Ints& dims, const Ints& strides) {
  int64_t last = 0;
  for (size_t d = 0; d < dims.size(); d++) last += (dims[d] - 1) * strides[d];
  return last + 1;
}

void check(const Ints& dims, const Ints& dst, const Ints& src) {
  Guarded from(counting(extent(dims, src)));
  std::vector<float> need(static_cast<size_t>(extent(dims, dst)), -1.0f);
  each_index(dims, [&](const Ints& at) { need[static_cast<size_t>(dot(at, dst))] = from[dot(at, src)]; });
  for (int threads : {1, 2, 3}) {
    Pool pool(threads);
    Guarded to(extent(dims, dst), Guarded::At::end, -1.0f);
    StridedCopy(dims, dst, src).run(to.data(), from.data(), pool);
    ASSERT_EQ(to.values(), need);
  }
}

TEST(StridedCopy, permutations) {
  for (const Ints& dims :
       {Ints{2, 3, 5, 7}, Ints{2, 14, 14, 64}, Ints{3, 17, 9, 33}, Ints{1, 3, 60, 50}, Ints{2, 130, 70, 3}}) {
    std::vector<int> order(dims.size());
    std::iota(order.begin(), order.end(), 0);
    do {
      Ints strides = dense(dims), size, src;
      for (int d : order) size.push_back(dims[static_cast<size_t>(d)]), src.push_back(strides[static_cast<size_t>(d)]);
      check(size, dense(size), src);
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

TEST(StridedCopy, slices_concatenations_and_broadcasts) {
  check({4, 6, 10}, {60, 10, 1}, {200, 20, 1});  // a slice
  check({4, 6, 10}, {200, 20, 1}, {60, 10, 1});  // a part of a concatenation
  check({5, 7, 16}, {112, 16, 1}, {0, 16, 1});   // broadcast outside
  check({5, 7, 16}, {112, 16, 1}, {7, 1, 0});    // and inside
  check({5, 7, 16}, {112, 16, 1}, {0, 0, 0});
  check({5, 4, 3}, {12, 3, 1}, {48, 12, 2});  // every other
  check({100000}, {1}, {1});
  check({1}, {1}, {1});
  check({}, {}, {});
  check({2, 2, 2, 2, 2, 2, 2, 3}, dense({2, 2, 2, 2, 2, 2, 2, 3}), {3, 6, 12, 24, 48, 96, 192, 1});
}

TEST(StridedCopy, random) {
  std::mt19937 rng(1);
  for (int round = 0; round < 200; round++) {
    Ints dims, src;
    for (size_t d = 1 + rng() % 5; d > 0; d--) dims.push_back(1 + rng() % (d == 1 ? 70 : 9));
    for (size_t d = 0; d < dims.size(); d++) src.push_back(rng() % 4 == 0 ? 0 : rng() % 3 == 0 ? 1 : rng() % 40);
    check(dims, dense(dims), src);
  }
}

TEST(Copy, fill) {
  Pool pool(3);
  Guarded x(100001);
  fill(x.data(), 7, x.size(), pool);
  EXPECT_EQ(x.values(), std::vector<float>(100001, 7.0f));
}

}  // namespace
}  // namespace fovea::kernels
