// The recorded updates, by the reference interpreter, against the formulas of PyTorch's documentation in double.
#include "train/optim.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ops/pointwise.h"
#include "run/interpret.h"
#include "train/schedule.h"
#include "train/step.h"

namespace fovea {
namespace {

// Two parameters with gradients that the test feeds; the state steps through the recorded updates.
struct Bench {
  explicit Bench(const Optimizer& o) : optimizer(o) {
    params = {{.name = "fc.weight", .file_axes = {}, .type = {{2, 3}}}, {.name = "fc.bias", .file_axes = {}, .type = {{2}}}};
    std::vector<Tensor> gradients;
    for (Param& p : params) {
      p.node = g.param(p).id;
      gradients.push_back(g.input("d." + p.name, p.type));
    }
    record_updates(g, o, params, gradients, g.input("loss", {{}}));
    for (const Param& p : g.params()) state[p.name].assign(static_cast<size_t>(p.type.shape.numel()), 0);
    state["fc.weight"] = {0.5, -1, 2, 0.25, -0.125, 1};
    state["fc.bias"] = {-0.5, 0.75};
    for (const Param& p : params)
      if (o.ema_decay > 0) state["ema." + p.name] = state[p.name];
  }

  double step(const std::vector<double>& dw, const std::vector<double>& db, int64_t t, double lr, double loss = 1) {
    Values given;
    for (const Param& p : g.params()) given[p.node] = state[p.name];
    given[g.input("d.fc.weight", {{2, 3}}).id] = dw, given[g.input("d.fc.bias", {{2}}).id] = db;
    given[g.input("loss", {{}}).id] = {loss};
    for (auto& [name, value] : optimizer_feeds(optimizer, t, lr)) given[g.input(name, {{}}).id] = {value};
    std::vector<int> wanted = {g.output_tensor("grad_norm").id};
    for (auto& [name, id] : g.updates()) wanted.push_back(id);
    Values out = interpret(g, given, wanted);
    for (auto& [name, id] : g.updates()) state[name] = out[id];
    return out[wanted[0]][0];
  }

  Optimizer optimizer;
  Graph g;
  std::vector<Param> params;
  std::map<std::string, std::vector<double>> state;
};

double wave(int t, size_t i) { return std::sin(0.7 * t + 1.3 * static_cast<double>(i)) + 0.1 * t; }
std::vector<double> waves(int t, size_t n, size_t from) {
  std::vector<double> r;
  for (size_t i = 0; i < n; i++) r.push_back(wave(t, from + i));
  return r;
}

TEST(Sgd, NesterovMomentumAndDecayAsPyTorch) {
  for (bool nesterov : {false, true}) {
    Bench b({.kind = "sgd", .momentum = 0.9f, .nesterov = nesterov, .decay = {.value = 0.01f}});
    std::vector<double> w = b.state["fc.weight"], bias = b.state["fc.bias"], mw(6, 0), mb(2, 0);
    auto expect = [&](std::vector<double>& p, std::vector<double>& m, std::vector<double> d, double decay, double lr) {
      for (size_t i = 0; i < p.size(); i++) {
        d[i] += decay * p[i];
        m[i] = static_cast<double>(0.9f) * m[i] + d[i];
        p[i] -= lr * (nesterov ? d[i] + static_cast<double>(0.9f) * m[i] : m[i]);
      }
    };
    for (int t = 0; t < 40; t++) {
      double lr = static_cast<double>(static_cast<float>(0.05 / (t + 1)));
      b.step(waves(t, 6, 0), waves(t, 2, 6), t, lr);
      expect(w, mw, waves(t, 6, 0), static_cast<double>(0.01f), lr), expect(bias, mb, waves(t, 2, 6), 0, lr);
    }
    for (size_t i = 0; i < 6; i++) EXPECT_NEAR(b.state["fc.weight"][i], w[i], 1e-12);
    for (size_t i = 0; i < 2; i++) EXPECT_NEAR(b.state["fc.bias"][i], bias[i], 1e-12);
  }
}

TEST(AdamW, AsPyTorch) {
  Bench b({.kind = "adamw", .decay = {.value = 0.05f, .vectors = true}});
  const double b1 = static_cast<double>(0.9f), b2 = static_cast<double>(0.999f), eps = static_cast<double>(1e-8f);
  std::vector<double> w = b.state["fc.weight"], m(6, 0), v(6, 0);
  for (int t = 0; t < 40; t++) {
    double lr = static_cast<double>(static_cast<float>(0.01 * (1 + t % 3)));
    std::vector<double> d = waves(t, 6, 0);
    b.step(d, waves(t, 2, 6), t, lr);
    for (size_t i = 0; i < 6; i++) {
      w[i] -= lr * static_cast<double>(0.05f) * w[i];
      m[i] = b1 * m[i] + (1 - b1) * d[i], v[i] = b2 * v[i] + (1 - b2) * d[i] * d[i];
      w[i] -= lr * (m[i] / (1 - std::pow(b1, t + 1))) / (std::sqrt(v[i] / (1 - std::pow(b2, t + 1))) + eps);
    }
  }
  for (size_t i = 0; i < 6; i++) EXPECT_NEAR(b.state["fc.weight"][i], w[i], 1e-6);  // feeds are rounded to float
}

TEST(Updates, ClippingByTheCommonNorm) {
  Bench b({.kind = "sgd", .momentum = 0, .clip = 1});
  double before = b.state["fc.weight"][0];
  EXPECT_DOUBLE_EQ(b.step({3, 0, 0, 0, 0, 0}, {0, 4}, 0, 1), 5);
  EXPECT_NEAR(b.state["fc.weight"][0], before - 0.6, 1e-6);
  EXPECT_NEAR(b.state["fc.bias"][1], 0.75 - 0.8, 1e-6);
  before = b.state["fc.weight"][0];
  b.step({0.3, 0, 0, 0, 0, 0}, {0, 0.4}, 1, 1);  // within the bound: untouched
  EXPECT_NEAR(b.state["fc.weight"][0], before - 0.3, 1e-12);
}

TEST(Updates, AnUnsoundStepChangesNothing) {
  for (double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL})
    for (bool in_loss : {false, true}) {
      Bench b({.kind = "adamw", .ema_decay = 0.9f});
      auto before = b.state;
      b.step({in_loss ? 1 : bad, 0, 0, 0, 0, 0}, {0, 1}, 0, 0.1, in_loss ? bad : 1);
      EXPECT_EQ(b.state, before);
      b.step({1, 0, 0, 0, 0, 0}, {0, 1}, 0, 0.1);
      EXPECT_NE(b.state, before);
    }
}

// Updates of others (running statistics) are guarded too.
TEST(Updates, WhatIsNotFiniteLeavesStatisticsAlone) {
  Graph g;
  g.param({.name = "norm.running_mean", .trainable = false, .file_axes = {}, .type = {{2}}});
  Tensor mean = g.param_tensor("norm.running_mean"), loss = g.input("loss", {{}});
  g.update("norm.running_mean", mean + 1);
  record_updates(g, {}, {}, {}, loss);
  ASSERT_EQ(g.updates().size(), 1u);
  int update = g.updates()[0].second;
  auto after = [&](double value) { return interpret(g, {{mean.id, {3, 4}}, {loss.id, {value}}}, {update})[update]; };
  EXPECT_EQ(after(0.5), (std::vector<double>{4, 5}));
  EXPECT_EQ(after(std::nan("")), (std::vector<double>{3, 4}));
}

TEST(Updates, EmaFollowsTheNewWeights) {
  Bench b({.kind = "sgd", .momentum = 0, .ema_decay = 0.75f, .ema_warmup = false});
  double mean = b.state["fc.bias"][0];
  for (int t = 0; t < 5; t++) {
    b.step(waves(t, 6, 0), waves(t, 2, 6), t, 0.5);
    mean = 0.75 * mean + 0.25 * b.state["fc.bias"][0];
    EXPECT_NEAR(b.state["ema.fc.bias"][0], mean, 1e-12);
  }
}

TEST(Decay, ScopesAndTheDefault) {
  Decay d{.value = 0.1f, .scopes = {{"head.*", 0.5f}, {"*.bias", 0.25f}}};
  auto of = [&](const char* name, Shape s) { return d.of({.name = name, .file_axes = {}, .type = {s}}); };
  EXPECT_EQ(of("conv.weight", {8, 3, 3, 4}), 0.1f);
  EXPECT_EQ(of("norm.weight", {8}), 0.0f);
  EXPECT_EQ(of("head.weight", {8, 4}), 0.5f);
  EXPECT_EQ(of("head.bias", {8}), 0.25f);  // the last match wins
  d.vectors = true;
  EXPECT_EQ(of("norm.weight", {8}), 0.1f);
}

TEST(Schedule, CornersOfEveryKind) {
  Schedule s{.lr = 1, .min_lr = 0.1, .warmup_lr = 0, .warmup_steps = 10, .steps = 110, .decay_steps = 25, .decay_rate = 0.5};
  auto at = [&](const char* kind, int64_t step) { return s.kind = kind, learning_rate(s, step); };
  for (const char* kind : {"constant", "cosine", "linear", "step"}) {
    EXPECT_DOUBLE_EQ(at(kind, 0), 0.1) << kind;  // a tenth of the warm-up
    EXPECT_DOUBLE_EQ(at(kind, 9), 1) << kind;
    EXPECT_DOUBLE_EQ(at(kind, 10), 1) << kind;
  }
  EXPECT_DOUBLE_EQ(at("constant", 109), 1);
  EXPECT_NEAR(at("cosine", 60), 0.55, 1e-12);
  EXPECT_NEAR(at("linear", 60), 0.55, 1e-12);
  EXPECT_NEAR(at("cosine", 109), 0.1 + 0.45 * (1 + std::cos(M_PI * 0.99)), 1e-12);
  EXPECT_EQ(at("cosine", 1000), at("cosine", 109));
  EXPECT_DOUBLE_EQ(at("step", 34), 1);
  EXPECT_DOUBLE_EQ(at("step", 35), 0.5);
  EXPECT_DOUBLE_EQ(at("step", 109), 0.125);
}

// PyTorch: OneCycleLR(max_lr=1, total_steps=10, pct_start=0.3), whose first phase ends at 0.3 * 10 - 1.
TEST(Schedule, OneCycle) {
  Schedule s{.kind = "onecycle", .lr = 1, .steps = 10};
  EXPECT_NEAR(learning_rate(s, 0), 0.04, 1e-12);
  EXPECT_DOUBLE_EQ(learning_rate(s, 1), 0.52);
  EXPECT_DOUBLE_EQ(learning_rate(s, 2), 1);
  EXPECT_NEAR(learning_rate(s, 9), 4e-6, 1e-12);
  for (int t = 3; t < 10; t++) EXPECT_LT(learning_rate(s, t), learning_rate(s, t - 1));
  s.warmup_steps = 5;
  EXPECT_DOUBLE_EQ(learning_rate(s, 4), 1);
  s.steps = 1;
  EXPECT_DOUBLE_EQ(learning_rate(s, 0), 1);
}

}  // namespace
}  // namespace fovea
