// Reductions against plain double loops, for every set of dimensions, on every instruction set, with any number of threads.
#include "kernels/reduce.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "kernels/guarded.h"

namespace fovea::kernels {
namespace {

using test::Guarded;

// a = x * w + 1 and b = max(x, w), with x dense over the domain and w broadcast over the dimensions outside `mask`.
PwProgram two_outputs(const int64_t (&dims)[4], int mask) {
  PwProgram p;
  std::copy(dims, dims + 4, p.dims);
  PwInput x{}, w{};
  int64_t step = 1, part = 1;
  for (int d = 3; d >= 0; d--) {
    x.stride[d] = step, step *= dims[d];
    if (mask >> d & 1) w.stride[d] = part, part *= dims[d];
  }
  p.inputs = {x, w};
  p.code = {{Pw::load, 0, 0},   {Pw::load, 1, 1},   {Pw::constant, 2, 0, 0, 0, 1.0f},
            {Pw::mul, 3, 0, 1}, {Pw::add, 3, 3, 2}, {Pw::max, 4, 0, 1}};
  p.outputs = {3, 4};
  p.registers = 5;
  return p;
}

struct Expected {
  std::vector<double> value[2], scale[2];  // scale: the sum of magnitudes
};

Expected reference(const PwProgram& p, const float* x, const float* w, const bool (&reduced)[4], Fold fold) {
  int64_t stride[4], kept = 1;
  for (int d = 3; d >= 0; d--) stride[d] = reduced[d] ? 0 : kept, kept *= reduced[d] ? 1 : p.dims[d];
  Expected e;
  for (int k = 0; k < 2; k++) {
    e.value[k].assign(static_cast<size_t>(kept), fold == Fold::sum ? 0 : -INFINITY);
    e.scale[k].assign(static_cast<size_t>(kept), 0);
  }
  for (int64_t i = 0; i < p.dims[0] * p.dims[1] * p.dims[2] * p.dims[3]; i++) {
    int64_t rest = i, to = 0, from = 0;
    for (int d = 3; d >= 0; rest /= p.dims[d], d--) {
      to += rest % p.dims[d] * stride[d];
      from += rest % p.dims[d] * p.inputs[1].stride[d];
    }
    double v[2] = {static_cast<double>(x[i] * w[from] + 1.0f), x[i] > w[from] ? x[i] : w[from]};
    for (int k = 0; k < 2; k++) {
      double& sum = e.value[k][static_cast<size_t>(to)];
      sum = fold == Fold::sum ? sum + v[k] : std::max(sum, v[k]);
      e.scale[k][static_cast<size_t>(to)] += std::fabs(v[k]);
    }
  }
  return e;
}

void check(const int64_t (&dims)[4], int mask, int reduce, Fold fold) {
  PwProgram p = two_outputs(dims, mask);
  bool reduced[4];
  for (int d = 0; d < 4; d++) reduced[d] = reduce >> d & 1;
  std::mt19937 rng(static_cast<unsigned>(mask * 16 + reduce));
  std::normal_distribution<float> normal(0.5f, 1);
  std::vector<float> x(static_cast<size_t>(dims[0] * dims[1] * dims[2] * dims[3]));
  size_t few = 1;
  for (int d = 0; d < 4; d++) few *= mask >> d & 1 ? static_cast<size_t>(dims[d]) : 1;
  std::vector<float> w(few);
  for (float& v : x) v = normal(rng);
  for (float& v : w) v = normal(rng);
  Expected e = reference(p, x.data(), w.data(), reduced, fold);
  Guarded gx(x), gw(w);
  const float* in[] = {gx.data(), gw.data()};
  auto kept = static_cast<int64_t>(e.value[0].size());
  for (Isa isa : test::isas()) {
    Reduce r(p, reduced, fold, isa);
    std::vector<float> first;
    for (int threads : {1, 2, 3, 7}) {
      Pool pool(threads);
      Guarded a(kept), b(kept), work(static_cast<int64_t>(r.workspace_bytes() / sizeof(float)), Guarded::At::begin);
      float* out[] = {a.data(), b.data()};
      r.run(in, out, work.data(), pool);
      std::vector<float> all = a.values();
      for (float v : b.values()) all.push_back(v);
      if (first.empty()) first = all;
      ASSERT_EQ(0, std::memcmp(first.data(), all.data(), all.size() * sizeof(float)))
          << "bits differ with " << threads << " threads";
    }
    for (int k = 0; k < 2; k++) {
      for (int64_t i = 0; i < kept; i++) {
        double need = e.value[k][static_cast<size_t>(i)],
               bound = fold == Fold::sum ? 1e-6 * e.scale[k][static_cast<size_t>(i)] : 0;
        ASSERT_NEAR(first[static_cast<size_t>(k * kept + i)], need, bound + 1e-7 * std::fabs(need))
            << isa_name(isa) << " dims " << dims[0] << " " << dims[1] << " " << dims[2] << " " << dims[3] << " mask " << mask
            << " reduce " << reduce;
      }
    }
  }
}

TEST(Reduce, every_set_of_dimensions) {
  for (int reduce = 1; reduce < 16; reduce++) {
    for (int mask : {15, 8, 0, 9, 3}) {
      for (Fold fold : {Fold::sum, Fold::max}) check({3, 2, 7, 19}, mask, reduce, fold);
    }
    check({2, 5, 33, 40}, 8, reduce, Fold::sum);
    check({2, 1, 3, 1100}, 8, reduce, Fold::sum);
  }
}

TEST(Reduce, shapes_of_networks) {
  check({4, 14, 14, 64}, 8, 7, Fold::sum);     // channels over the batch
  check({4, 14, 14, 64}, 8, 6, Fold::sum);     // global pooling
  check({2, 28, 28, 20}, 9, 7, Fold::sum);     // with a scale per image and channel
  check({1, 1, 600, 300}, 8, 8, Fold::sum);    // rows
  check({1, 1, 1, 300000}, 0, 15, Fold::sum);  // everything
  check({1, 1, 1, 1}, 0, 15, Fold::sum);
  check({1, 1, 70000, 1}, 8, 7, Fold::max);
  check({2, 64, 8, 25}, 15, 2, Fold::sum);  // a middle dimension
}

TEST(Reduce, ten_million_values_keep_their_digits) {
  const int64_t n = 10'000'000;
  PwProgram p{.dims = {1, 1, 1, n},
              .inputs = {{{0, 0, 0, 1}}},
              .code = {{Pw::load, 0, 0}, {Pw::square, 1, 0}},
              .outputs = {0, 1},
              .registers = 2};
  std::vector<float> x(static_cast<size_t>(n));
  std::mt19937 rng(3);
  double sum = 0, squares = 0;
  for (float& v : x) {
    v = 1 + static_cast<float>(rng() % 1000) * 1e-3f;
    sum += v, squares += static_cast<double>(v * v);
  }
  const float* in[] = {x.data()};
  for (Isa isa : test::isas()) {
    Reduce r(p, {false, false, false, true}, Fold::sum, isa);
    std::vector<char> work(r.workspace_bytes());
    Pool pool(2);
    float a, b;
    float* out[] = {&a, &b};
    r.run(in, out, work.data(), pool);
    EXPECT_NEAR(a / sum, 1, 1.2e-7) << isa_name(isa);
    EXPECT_NEAR(b / squares, 1, 1.2e-7) << isa_name(isa);
  }
}

TEST(Reduce, a_nan_reaches_sums_and_maxima) {
  for (Isa isa : test::isas()) {
    for (Fold fold : {Fold::sum, Fold::max}) {
      for (int64_t at : {0, 17, 40000, 99999}) {
        std::vector<float> x(100000, 1.0f);
        x[static_cast<size_t>(at)] = NAN;
        PwProgram p{.dims = {1, 1, 1, 100000},
                    .inputs = {{{0, 0, 0, 1}}},
                    .code = {{Pw::load, 0, 0}},
                    .outputs = {0},
                    .registers = 1};
        Reduce r(p, {true, true, true, true}, fold, isa);
        std::vector<char> work(r.workspace_bytes());
        const float* in[] = {x.data()};
        float y = 0;
        float* out[] = {&y};
        Pool pool(2);
        r.run(in, out, work.data(), pool);
        EXPECT_TRUE(std::isnan(y)) << isa_name(isa) << " " << at;
      }
    }
  }
}

}  // namespace
}  // namespace fovea::kernels
