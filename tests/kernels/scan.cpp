// Selective scans against the recurrence in double, on every ISA that this machine has.
#include "kernels/scan.h"

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

// The gradients of u, delta, a, b, c one after the other.
struct Problem {
  ScanShape s;
  std::vector<float> u, delta, a, b, c, dy;
  size_t tokens() const { return static_cast<size_t>(s.images * s.tokens); }
  size_t size() const { return u.size() + delta.size() + a.size() + b.size() + c.size(); }
};

Problem problem(const ScanShape& s) {
  Problem p{.s = s, .u = {}, .delta = {}, .a = {}, .b = {}, .c = {}, .dy = {}};
  const auto channels = static_cast<size_t>(s.channels), states = static_cast<size_t>(s.states);
  p.u = noise(p.tokens() * channels, 1), p.delta = noise(p.tokens() * channels, 2, 0, 1);
  p.a = noise(channels * states, 3, -2, 0);
  p.b = noise(p.tokens() * states, 4), p.c = noise(p.tokens() * states, 5), p.dy = noise(p.tokens() * channels, 6);
  return p;
}

struct Reference {
  Doubles y, gradients;
};

Reference reference(const Problem& p) {
  const auto [images, tokens, channels, states, reverse] = p.s;
  Reference r{Doubles(p.u.size()), Doubles(p.size())};
  double *du = r.gradients.data(), *ddelta = du + p.u.size(), *da = ddelta + p.u.size(), *db = da + p.a.size();
  double* dc = db + p.b.size();
  Doubles h(static_cast<size_t>(tokens + 1));  // of one state, before every token and behind the last
  for (int image = 0; image < images; image++)
    for (int k = 0; k < channels; k++)
      for (int j = 0; j < states; j++) {
        auto token = [&](int t) { return size_t(image * tokens + (reverse ? tokens - 1 - t : t)); };
        const double a = p.a[size_t(k * states + j)];
        for (int t = 0; t < tokens; t++) {
          const size_t x = token(t) * channels + k, state = token(t) * states + j;
          h[t + 1] = std::exp(p.delta[x] * a) * h[t] + double(p.delta[x]) * p.u[x] * p.b[state];
          r.y[x] += h[t + 1] * p.c[state];
        }
        double dh = 0;
        for (int t = tokens - 1; t >= 0; t--) {
          const size_t x = token(t) * channels + k, state = token(t) * states + j;
          const double decay = std::exp(p.delta[x] * a), delta = p.delta[x], u = p.u[x];
          dh += double(p.dy[x]) * p.c[state];
          const double slope = dh * h[t] * decay;
          du[x] += dh * delta * p.b[state], ddelta[x] += dh * u * p.b[state] + slope * a;
          da[k * states + j] += slope * delta, db[state] += dh * delta * u, dc[state] += p.dy[x] * h[t + 1];
          dh *= decay;
        }
      }
  return r;
}

struct Result {
  std::vector<float> y, gradients;
  bool operator==(const Result&) const = default;
};

Result run(const Problem& p, Isa isa, int threads, Guarded::At side) {
  Pool pool(threads);
  Scan kernel(p.s, isa, threads);
  Guarded u(p.u, side), delta(p.delta, side), a(p.a, side), b(p.b, side), c(p.c, side), dy(p.dy, side);
  Guarded y(u.size(), side, NAN), all(static_cast<int64_t>(p.size()), side, NAN);
  auto work = [&](size_t bytes) { return Guarded(static_cast<int64_t>(bytes / sizeof(float)), side, NAN); };
  Guarded forward = work(kernel.forward_workspace_bytes()), backward = work(kernel.backward_workspace_bytes());
  Scan::Inputs in{u.data(), delta.data(), a.data(), b.data(), c.data()};
  kernel.forward(in, y.data(), forward.data(), pool);
  float *du = all.data(), *ddelta = du + u.size(), *da = ddelta + u.size(), *db = da + a.size(), *dc = db + b.size();
  kernel.backward(in, dy.data(), {du, ddelta, da, db, dc}, backward.data(), pool);
  return {y.values(), all.values()};
}

void expect_near(const std::vector<float>& got, const Doubles& need, const std::string& what) {
  double most = 1;  // what a sum may cancel from
  for (double v : need) most = std::max(most, std::abs(v));
  for (size_t i = 0; i < need.size(); i++) ASSERT_NEAR(got[i], need[i], 1e-5 * most) << what << " at " << i;
}

void check(const ScanShape& s) {
  Problem p = problem(s);
  Reference need = reference(p);
  for (Isa isa : test::isas()) {
    Result first;
    for (int threads : {1, 2, 3, 7}) {
      Result got = run(p, isa, threads, threads == 2 ? Guarded::At::begin : Guarded::At::end);
      std::string what = fmt::format("{} x{} {} images, {} tokens, {} channels, {} states{}", isa_name(isa), threads,
                                     s.images, s.tokens, s.channels, s.states, s.reverse ? ", reverse" : "");
      if (threads == 1) {
        first = got;
        expect_near(got.y, need.y, what + " y");
        expect_near(got.gradients, need.gradients, what + " gradients");
      }
      ASSERT_TRUE(got == first) << what;
    }
  }
}

TEST(Scan, AnyNumberOfTokensChannelsAndStates) {
  for (int tokens : {1, 2, 15, 16, 17, 32, 33, 70}) check({2, tokens, 9, 3, tokens % 2 == 1});
  for (int channels : {1, 3, 4, 8, 15, 16, 17, 64, 150, 333}) check({1, 19, channels, 4, channels % 2 == 1});
  for (int states : {1, 2, 16, 19}) check({3, 10, 20, states, states == 2});
}

TEST(Scan, VisionMamba) { check({1, 197, 384, 16, false}); }

}  // namespace
}  // namespace fovea::kernels
