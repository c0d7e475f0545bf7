// Attention against plain loops in double, on every ISA that this machine has.
#include "kernels/attention.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/guarded.h"
#include "kernels/noise.h"

namespace fovea::kernels {
namespace {

using test::Guarded;
using test::noise;
using Doubles = std::vector<double>;

// q, k and v in one array [b, n, 3, heads, d] when they have as many tokens, else each on its own.
struct Problem {
  AttentionShape s;
  bool fused;
  int64_t q0, k0, v0, floats;  // where q, k, v begin
  std::vector<float> qkv, bias, dy;

  int64_t matrix() const { return int64_t{s.nq} * s.nk; }
  int64_t y_size() const { return int64_t{s.b} * s.nq * s.heads * s.d; }
};

Problem problem(int b, int heads, int nq, int nk, int d, bool with_bias, float size = 1) {
  Problem p{{.b = b, .heads = heads, .nq = nq, .nk = nk, .d = d, .scale = 0.37f, .q = {}, .k = {}, .v = {}, .y = {}},
            nq == nk,
            0,
            0,
            0,
            0,
            {},
            {},
            {}};
  int64_t row = int64_t{heads} * d;
  p.s.y = {nq * row, row, d};
  if (p.fused) {
    p.s.q = p.s.k = p.s.v = {nq * 3 * row, 3 * row, d};
    p.k0 = row, p.v0 = 2 * row, p.floats = b * nq * 3 * row;
  } else {
    p.s.q = {nq * row, row, d};
    p.s.k = p.s.v = {nk * row, row, d};
    p.k0 = b * nq * row, p.v0 = p.k0 + b * nk * row, p.floats = p.v0 + b * nk * row;
  }
  p.qkv = noise(p.floats, 1, size);
  p.dy = noise(p.y_size(), 2);
  if (with_bias) p.bias = noise(heads * p.matrix(), 3, 2 * size), p.s.bias_head = p.matrix();
  return p;
}

struct Reference {
  Doubles y, dqkv, dbias;
};

Reference reference(const Problem& p) {
  const AttentionShape& s = p.s;
  Reference r{Doubles(static_cast<size_t>(p.y_size())), Doubles(static_cast<size_t>(p.floats)), Doubles(p.bias.size())};
  for (int b = 0; b < s.b; b++)
    for (int h = 0; h < s.heads; h++)
      for (int i = 0; i < s.nq; i++) {
        size_t q = p.q0 + b * s.q.image + i * s.q.token + h * s.q.head, y = b * s.y.image + i * s.y.token + h * s.y.head;
        auto key = [&](int j) { return size_t(p.k0 + b * s.k.image + j * s.k.token + h * s.k.head); };
        auto value = [&](int j) { return size_t(p.v0 + b * s.v.image + j * s.v.token + h * s.v.head); };
        auto bias = [&](int j) { return size_t(b * s.bias_image + (int64_t{h} * s.nq + i) * s.nk + j); };
        Doubles prob(s.nk), dp(s.nk);
        double top = -INFINITY, sum = 0, delta = 0;
        for (int j = 0; j < s.nk; j++) {
          for (int e = 0; e < s.d; e++) prob[j] += double(p.qkv[q + e]) * p.qkv[key(j) + e];
          prob[j] = prob[j] * s.scale + (p.bias.empty() ? 0. : p.bias[bias(j)]);
          top = std::max(top, prob[j]);
        }
        for (double& v : prob) sum += v = std::exp(v - top);
        for (int j = 0; j < s.nk; j++) {
          prob[j] /= sum;
          for (int e = 0; e < s.d; e++) {
            r.y[y + e] += prob[j] * p.qkv[value(j) + e];
            dp[j] += double(p.dy[y + e]) * p.qkv[value(j) + e];
            r.dqkv[value(j) + e] += prob[j] * p.dy[y + e];
          }
          delta += prob[j] * dp[j];
        }
        for (int j = 0; j < s.nk; j++) {
          double ds = prob[j] * (dp[j] - delta);
          if (!p.bias.empty()) r.dbias[bias(j)] += ds;
          for (int e = 0; e < s.d; e++) {
            r.dqkv[q + e] += ds * s.scale * p.qkv[key(j) + e];
            r.dqkv[key(j) + e] += ds * s.scale * p.qkv[q + e];
          }
        }
      }
  return r;
}

struct Result {
  std::vector<float> y, dqkv, dbias;
  bool operator==(const Result&) const = default;
};

int64_t floats(size_t bytes) { return static_cast<int64_t>(bytes / sizeof(float)); }

Result run(const Problem& p, Isa isa, int threads, Guarded::At side) {
  Pool pool(threads);
  Attention kernel(p.s, isa, threads);
  Guarded qkv(p.qkv, side), bias(p.bias, side), dy(p.dy, side), y(p.y_size(), side, NAN);
  Guarded lse(int64_t{p.s.b} * p.s.heads * p.s.nq, side, NAN), dqkv(p.floats, side, NAN);
  Guarded dbias(static_cast<int64_t>(p.bias.size()), side, NAN);
  Guarded work(floats(kernel.forward_workspace_bytes()), side, NAN),
      back(floats(kernel.backward_workspace_bytes()), side, NAN);
  const float* with = p.bias.empty() ? nullptr : bias.data();
  float* d = dqkv.data();
  kernel.forward(qkv.data() + p.q0, qkv.data() + p.k0, qkv.data() + p.v0, with, y.data(), lse.data(), work.data(), pool);
  Attention::Forward forward{qkv.data() + p.q0, qkv.data() + p.k0, qkv.data() + p.v0, with, y.data(), lse.data()};
  kernel.backward(forward, dy.data(), d + p.q0, d + p.k0, d + p.v0, with ? dbias.data() : nullptr, back.data(), pool);
  return {y.values(), dqkv.values(), dbias.values()};
}

void expect_near(const std::vector<float>& got, const Doubles& need, double tolerance, const std::string& what) {
  double most = 0.25;  // what a sum may cancel from
  for (double v : need) most = std::max(most, std::abs(v));
  for (size_t i = 0; i < need.size(); i++) ASSERT_NEAR(got[i], need[i], tolerance * most) << what << " at " << i;
}

void check(const Problem& p) {
  Reference need = reference(p);
  // Errors of scores and sums grow with their lengths, and the exponential passes on those of the scores.
  double tolerance = 0x1p-24 * (0.5 * (p.s.d + p.s.nk + p.s.nq) + 16);
  for (Isa isa : test::isas()) {
    Result first;
    for (int threads : {1, 2, 3, 7}) {
      Result got = run(p, isa, threads, threads == 2 ? Guarded::At::begin : Guarded::At::end);
      std::string what =
          fmt::format("{} x{} b{} h{} {}x{} d{}", isa_name(isa), threads, p.s.b, p.s.heads, p.s.nq, p.s.nk, p.s.d);
      if (threads == 1) {
        first = got;
        expect_near(got.y, need.y, tolerance, what + " y");
        expect_near(got.dqkv, need.dqkv, tolerance, what + " dqkv");
        expect_near(got.dbias, need.dbias, tolerance, what + " dbias");
      }
      ASSERT_TRUE(got == first) << what;
    }
  }
}

TEST(Attention, AnyNumberOfTokensAndChannels) {
  for (int n : {1, 2, 15, 16, 17, 49, 63, 64, 65, 130}) check(problem(1, 2, n, n, 20, n % 2));
  for (int d : {1, 3, 16, 32, 48, 64, 67}) check(problem(2, 1, 19, 19, d, d % 2));
}

TEST(Attention, QueriesAndKeysDiffer) {
  check(problem(2, 3, 1, 50, 24, false));
  check(problem(1, 2, 70, 7, 8, true));
}

TEST(Attention, VisionTransformer) { check(problem(1, 3, 197, 197, 64, false)); }

TEST(Attention, ManyKeysGoInParts) {
  check(problem(1, 1, 33, 700, 16, true));
  check(problem(1, 1, 300, 300, 12, false, 8.f));  // far apart scores: the greatest moves from part to part
}

// -inf hides a key; a window's first keys may all be hidden.
TEST(Attention, HiddenKeys) {
  Problem p = problem(1, 2, 20, 600, 8, true);
  for (size_t i = 0; i < p.bias.size(); i++) {
    size_t key = i % 600;
    if (key < 310 || key % 3 == 0) p.bias[i] = -INFINITY;
  }
  check(p);
}

TEST(Attention, ABiasForEachImage) {
  Problem p = problem(3, 2, 17, 40, 8, true);
  p.s.bias_image = p.s.heads * p.matrix();
  p.bias = noise(p.s.b * p.s.bias_image, 4, 2);
  check(p);
}

TEST(Attention, OneBiasForAllHeads) {
  Problem p = problem(1, 3, 10, 10, 8, true);
  Problem each = p;
  for (int h = 0; h < 3; h++) std::copy(p.bias.begin(), p.bias.begin() + p.matrix(), each.bias.begin() + h * p.matrix());
  p.s.bias_head = 0;
  for (Isa isa : test::isas()) EXPECT_TRUE(run(p, isa, 1, Guarded::At::end) == run(each, isa, 1, Guarded::At::end));
}

}  // namespace
}  // namespace fovea::kernels
