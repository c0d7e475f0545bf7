// Properties of plans: memory never overlaps, updates happen, threads change no bit, fusion nothing but rounding.
#include "plan/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "ops/activation.h"
#include "ops/conv2d.h"
#include "ops/layout.h"
#include "ops/matmul.h"
#include "ops/norm.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/softmax.h"
#include "passes/fold_norm.h"
#include "passes/grad.h"
#include "passes/inference.h"
#include "passes/training.h"
#include "plan/families.h"
#include "run/interpret.h"

namespace fovea {
namespace {

// The gradient step of a model as one graph.
std::unique_ptr<Graph> training_graph(const std::string& name, int batch, int size) {
  auto g = training(*build_model(find_model(name), batch, {.classes = 10, .height = size, .width = size}));
  Tensor loss = cross_entropy(g->output_tensor("logits"), g->input("target", {{batch, 10}}));
  g->output("loss", loss);
  std::vector<Param> params = g->params();
  std::vector<Tensor> weights;
  for (const Param& p : params)
    if (p.trainable) weights.push_back(g->at(p.node));
  std::vector<Tensor> d = grad(loss, weights);
  for (size_t i = 0; i < weights.size(); i++) g->update(g->param_of(weights[i].id)->name, weights[i] - d[i] * 0.1f);
  return g;
}

void expect_no_overlap(const Plan& p) {
  for (size_t i = 0; i < p.buffers.size(); i++)
    for (size_t j = 0; j < i; j++) {
      const Buffer &a = p.buffers[i], &b = p.buffers[j];
      if (a.where != Buffer::arena || b.where != Buffer::arena || !a.floats || !b.floats || a.last < 0 || b.last < 0)
        continue;
      bool together = a.first <= b.last && b.first <= a.last,
           overlap = a.offset < b.offset + b.floats && b.offset < a.offset + a.floats;
      EXPECT_FALSE(together && overlap) << i << " and " << j;
      EXPECT_LE(a.offset + a.floats, p.arena_floats);
    }
}

TEST(Plan, BuffersAliveTogetherNeverOverlap) {
  for (const char* name : {"resnet18", "mobilenetv3_small_100", "convnext_atto"})
    expect_no_overlap(*make_plan(*inference(*fold_norm(*build_model(find_model(name), 1))), {}));
  expect_no_overlap(*make_plan(*training_graph("resnet20_cifar", 4, 32), {}));
  expect_no_overlap(*make_plan(*training_graph("convnext_atto", 2, 32), {}));
}

TEST(Plan, InferenceFoldsNormsAndFusesActivations) {
  auto g = inference(*fold_norm(*build_model(find_model("resnet18"), 1)));
  auto p = make_plan(*g, {.regions = false});
  size_t convolutions = 0;
  for (const Step& s : p->steps) convolutions += s.flops > 0;
  EXPECT_EQ(convolutions, 21u);
  EXPECT_LE(p->steps.size(), 24u) << "convolutions, a pooling, a mean: nothing else";
}

// Squeeze-and-excitation: mean and product read the activation, which the convolution's epilogue makes once.
TEST(Plan, WhatAllReadersSeeOfAKernelIsItsEpilogue) {
  Graph g;
  Tensor x = g.input("image", {{1, 8, 8, 16}}), w = g.param({.name = "w", .init = fill(1), .type = {{32, 1, 1, 16}}}),
         bias = g.param({.name = "b", .init = fill(1), .type = {{32}}});
  Tensor y = activation(conv2d(x, w, {}) + bias, Act::hard_swish);
  g.output("scaled", y * reduce_mean(y, {1, 2}));
  auto p = make_plan(g, {.regions = false});
  std::vector<std::string> kernels;
  for (const Step& s : p->steps) kernels.push_back(s.kernel);
  ASSERT_EQ(kernels.size(), 5u) << "the convolution, sums along rows, over rows, their share, a product";
  EXPECT_TRUE(kernels[0].ends_with("+")) << kernels[0];
  EXPECT_EQ(kernels[1], "row sums");
  EXPECT_EQ(kernels[2], "reduce");
  EXPECT_EQ(p->steps[1].in.size(), 1u) << "the activation is not made again";
}

// Those of the forward direction and of gradients of data, or those of gradients of weights.
int64_t winograd_steps(const Plan& p, bool weights = false) {
  return std::count_if(p.steps.begin(), p.steps.end(), [&](const Step& s) {
    return s.kernel.starts_with("winograd") && weights == (p.graph->node(s.node).op == &Conv2dWeightGrad::op);
  });
}

TEST(Plan, WinogradWhereItPaysAndIsAllowed) {
  auto g = inference(*fold_norm(*build_model(find_model("resnet18"), 1)));
  EXPECT_EQ(winograd_steps(*make_plan(*g, {})), 10);  // the 3x3 convolutions of stride 1 but those of 512 channels
  EXPECT_EQ(winograd_steps(*make_plan(*g, {.winograd = false})), 0);
  EXPECT_EQ(winograd_steps(*make_plan(*training_graph("resnet18", 1, 64), {})), 0);  // few pixels for weights that change
  EXPECT_GT(winograd_steps(*make_plan(*training_graph("resnet18", 8, 64), {})), 0);
  EXPECT_GT(winograd_steps(*make_plan(*training_graph("resnet18", 8, 64), {}), true), 0);
  const auto off = make_plan(*training_graph("resnet18", 8, 64), {.winograd = false});
  EXPECT_EQ(winograd_steps(*off) + winograd_steps(*off, true), 0);
}

TEST(Plan, WinogradIsCloseToDirectSums) {
  Pool pool(1);
  test::RandomNetwork net(find_model("resnet18"), {.classes = 10, .height = 96, .width = 96}, 2, pool);
  auto g = inference(*fold_norm(net.recorded()));
  const std::vector<float> direct = net.logits(*g, {.winograd = false}), one = net.logits(*g);
  double scale = 0;
  for (float v : direct) scale = std::max<double>(scale, std::fabs(v));
  EXPECT_NE(one, direct);
  for (size_t i = 0; i < one.size(); i++) EXPECT_NEAR(one[i], direct[i], 1e-5 * scale);
  for (int threads : {2, 3}) {
    Pool more(threads);
    EXPECT_EQ(one, test::logits(*g, net.state(), {.threads = threads}, more)) << threads << " threads";
  }
}

// One depthwise convolution with padding on all sides, and if wanted the gradients of both its operands.
std::unique_ptr<Graph> large_kernel(int size, int k, bool gradients) {
  auto g = std::make_unique<Graph>();
  const Tensor x = g->input("image", {{1, size, size, 32}});
  const Tensor w = g->param({.name = "w", .init = fill(1), .type = {{32, k, k, 1}}});
  const Tensor y = conv2d(x, w, {.pad = k / 2, .groups = 32});
  g->output("y", y);
  if (!gradients) return g;
  const std::vector<Tensor> d = grad(y, std::vector{x, w}, y);
  g->output("dx", d[0]), g->output("dw", d[1]);
  return g;
}

TEST(Plan, FourierWhereItPaysAndIsAllowed) {
  const auto steps = [](int size, int k, bool gradients, const PlanOptions& options) {
    const auto plan = make_plan(*large_kernel(size, k, gradients), options);
    return std::count_if(plan->steps.begin(), plan->steps.end(), [](const Step& s) { return s.kernel == "fft"; });
  };
  EXPECT_EQ(steps(28, 31, false, {}), 1);
  EXPECT_EQ(steps(28, 31, true, {}), 3);
  EXPECT_EQ(steps(28, 31, true, {.winograd = false}), 0);
  EXPECT_EQ(steps(28, 7, true, {}), 0);
  const auto plan = make_plan(*large_kernel(28, 7, false), {});
  EXPECT_EQ(plan->steps[0].refused[0], "fft: slower than direct sums here");
}

// The loss and the whole state after two steps.
std::vector<float> train_steps(const char* model, int batch, int size, int threads, bool fuse = true) {
  auto g = training_graph(model, batch, size);
  State state;
  state.add(*g, 3);
  Pool pool(threads);
  Program p(make_plan(*g, {.threads = threads, .fuse = fuse}), state, pool);
  for (int step = 0; step < 2; step++) {
    float *x = p.input("image"), *t = p.input("target");
    for (int i = 0; i < batch * size * size * 3; i++) x[i] = static_cast<float>(i * 37 % 101) / 50 - 1;
    for (int i = 0; i < 10 * batch; i++) t[i] = i % 10 == i / 10;
    p.run();
  }
  std::vector<float> r{p.output("loss")[0]};
  for (auto& [name, a] : state.arrays()) r.insert(r.end(), a.data(), a.data() + a.size());
  return r;
}

TEST(Plan, TrainingIsBitEqualForAnyThreadCount) {
  struct {
    const char* model;  // large enough that every kernel really divides its work
    int batch, size;
  } table[] = {{"resnet20_cifar", 8, 32}, {"mobilenetv3_small_050", 4, 64}, {"convnext_atto", 4, 64}, {"test_vit", 2, 160}};
  for (auto& [model, batch, size] : table) {
    std::vector<float> one = train_steps(model, batch, size, 1);
    EXPECT_TRUE(std::isfinite(one[0])) << model;
    for (int threads : {2, 3}) EXPECT_EQ(one, train_steps(model, batch, size, threads)) << model << ", " << threads;
  }
}

// Regions compute the same numbers by the same kernels, a few rows at a time.
TEST(Plan, RegionsChangeNoBit) {
  struct {
    const char* model;
    int batch, size;
    bool sure;  // that there are some
  } table[] = {{"mobilenetv2_050", 2, 224, true},    {"mobilenetv3_small_050", 3, 200, true},
               {"tf_mobilenetv1_025", 3, 224, true}, {"convnext_atto", 4, 208, true},
               {"convnextv2_atto", 1, 224, true},    {"resnet26", 2, 200, true},
               {"ecaresnet26t", 1, 224, false},      {"resnet50_gn", 1, 160, false}};
  for (auto& [model, batch, size, sure] : table) {
    auto g = inference(*fold_norm(*build_model(find_model(model), batch, {.classes = 10, .height = size, .width = size})));
    State state;
    state.add(*g, 2);
    auto logits = [&, batch = batch, size = size](const PlanOptions& options) {
      Pool pool(options.threads);
      Program p(make_plan(*g, options), state, pool);
      Random random(5, 5);
      std::generate_n(p.input("image"), batch * size * size * 3, [&] { return random.uniform(-1, 1); });
      p.run();
      return std::vector<float>(p.output("logits"), p.output("logits") + batch * 10);
    };
    auto regions = [&](const PlanOptions& options) {
      auto p = make_plan(*g, options);
      return std::count_if(p->steps.begin(), p->steps.end(),
                           [](const Step& s) { return s.kernel.find(" > ") != s.kernel.npos; });
    };
    EXPECT_EQ(regions({.regions = false}), 0);
    EXPECT_TRUE(!sure || regions({.threads = 2}) > 0) << model;
    const std::vector<float> plain = logits({.threads = 1, .regions = false});
    for (int threads : {1, 2, 3}) EXPECT_EQ(logits({.threads = threads}), plain) << model << ", " << threads;
  }
}

// A region runs where its last stage stood: a parameter that an earlier stage reads must not have changed by then.
TEST(Plan, RegionsReadOldValues) {
  Graph g;
  Tensor x = g.input("image", {{2, 128, 128, 16}}), a = g.param({.name = "a", .init = fill(1), .type = {{32}}}),
         w = g.param({.name = "w", .init = fill(1), .type = {{32, 1, 1, 16}}}),
         v = g.param({.name = "v", .init = fill(1), .type = {{4, 1, 1, 32}}});
  Tensor y = conv2d(x, w, {}) + a;
  g.update("a", a * 10.0f);
  g.output("sum", conv2d(y, v, {}));
  State state;
  state.add(g, 0);
  Pool pool(1);
  Program p(make_plan(g, {}), state, pool);
  std::fill_n(p.input("image"), 2 * 128 * 128 * 16, 1.0f);
  p.run();
  EXPECT_EQ(p.output("sum")[0], 32 * (16 + 1));
  EXPECT_EQ(state.at("a").data()[0], 10);
}

// A value that others read too leaves its region.
TEST(Plan, RegionsKeepWhatOthersRead) {
  Graph g;
  Tensor x = g.input("image", {{2, 96, 96, 16}});
  auto dense = [&](const char* name, Tensor t) {
    return conv2d(t, g.param({.name = name, .init = normal(0.1f), .type = {{32, 1, 1, t.c()}}}), {});
  };
  Tensor y = relu(dense("a", x));
  g.output("logits", relu(dense("b", y)));
  g.output("mean", reduce_mean(y, {1, 2}));
  State state;
  state.add(g, 1);
  auto plan = make_plan(g, {.threads = 2});
  EXPECT_TRUE(std::any_of(plan->steps.begin(), plan->steps.end(),
                          [](const Step& s) { return s.kernel.find(" > ") != s.kernel.npos && s.out.size() > 1; }));
  for (int threads : {1, 2, 3}) {
    Pool pool(threads);
    EXPECT_EQ(test::logits(g, state, {.threads = threads}, pool),
              test::logits(g, state, {.threads = threads, .regions = false}, pool));
  }
}

// A region sums every row of its result; what is left of a mean over the picture is a sum of few rows.
TEST(Plan, SumsOverPicturesBeginInRegions) {
  Graph g;
  Tensor x = g.input("image", {{2, 96, 96, 16}}), w = g.param({.name = "w", .init = normal(0.1f), .type = {{32, 1, 1, 16}}});
  Tensor y = relu(conv2d(x, w, {}));
  g.output("logits", y * reduce_mean(y, {1, 2}));
  State state;
  state.add(g, 1);
  EXPECT_EQ(make_plan(g, {.threads = 2})->steps[0].kernel, "gather+ > row sums");
  for (int threads : {1, 2, 3}) {
    Pool pool(threads);
    EXPECT_EQ(test::logits(g, state, {.threads = threads}, pool),
              test::logits(g, state, {.threads = threads, .regions = false}, pool));
  }
}

// Operands of a stage beyond what a region takes, at the beginning of a chain too.
TEST(Plan, StepsOfManyOperandsStandAlone) {
  Graph g;
  Tensor sum[2];
  for (int i = 0; i < 40; i++) {
    Tensor x = g.input("x" + std::to_string(i), {{1, 64, 64, 16}});
    sum[i / 20] = i % 20 ? sum[i / 20] + x : x;
  }
  Tensor w = g.param({.name = "w", .init = fill(1), .type = {{8, 1, 1, 16}}});
  g.output("logits", conv2d(sum[0] + sum[1], w, {}));
  State state;
  state.add(g, 1);
  Pool pool(2);
  EXPECT_EQ(test::logits(g, state, {.threads = 2}, pool), test::logits(g, state, {.threads = 2, .regions = false}, pool));
}

// What passes between the stages of a region takes no place beside it.
TEST(Plan, RegionsSaveMemory) {
  auto g = inference(*fold_norm(*build_model(find_model("mobilenetv2_100"), 1)));
  EXPECT_LT(make_plan(*g, {.threads = 2})->arena_floats, int64_t{112} * 112 * 96) << "the largest inner value";
}

void expect_rounding(const std::vector<float>& got, const std::vector<float>& want, double tolerance, const char* what) {
  double largest = 0;
  for (float v : want) largest = std::max(largest, std::fabs(static_cast<double>(v)));
  ASSERT_GT(largest, 0) << what;
  for (size_t i = 0; i < want.size(); i++) ASSERT_NEAR(got[i], want[i], tolerance * largest) << what << " " << i;
}

// The weights of a recurrence are packed once, not for every step; another layer's are its own.
TEST(Plan, StepsOfARecurrenceSharePackedWeights) {
  Graph g;
  auto weight = [&](const char* name) { return g.param({.name = name, .init = normal(0.1f), .type = {{256, 256}}}); };
  Tensor x = g.input("image", {{64, 256}}), w = weight("w");
  for (int i = 0; i < 5; i++) x = tanh(linear(x, w));
  g.output("logits", linear(x, weight("v")));
  auto plan = make_plan(g, {});
  auto packing = [](const Step& s) { return s.kernel == "pack"; };
  EXPECT_EQ(std::count_if(plan->setup.begin(), plan->setup.end(), packing), 2);
  State state;
  state.add(g, 1);
  Pool pool(2);
  const std::vector<float> right = test::logits(g, state, {.threads = 2, .reference = true}, pool);
  expect_rounding(test::logits(g, state, {.threads = 2}, pool), right, 1e-5, "all steps");
}

// Fusion may take a sum in another order, no more.
TEST(Plan, FusionChangesValuesOnlyByRounding) {
  for (const char* model : {"resnet20_cifar", "convnext_atto"})
    expect_rounding(train_steps(model, 2, 32, 2), train_steps(model, 2, 32, 2, false), 1e-4, model);
}

// A program runs over four dimensions: what is broadcast in more ways is made in steps.
TEST(Plan, BroadcastsAlongManyAxes) {
  Graph g;
  Tensor a = g.input("a", {{2, 1, 3, 1, 4, 1}}), b = g.input("b", {{1, 5, 1, 2, 1, 3}}), c = g.input("c", {{3, 2, 4, 1}});
  Tensor x = (a * b + exp(c)) * broadcast_to(b, {2, 5, 3, 2, 4, 3});
  g.output("x", x);
  g.output("sums", reduce_sum(x - a, {1, 3, 5}));
  Values given;
  Pool pool(2);
  State state;
  Program p(make_plan(g, {.threads = 2}), state, pool);
  for (auto& [name, id] : g.inputs()) {
    Random random(1, fnv1a(name));
    for (int64_t i = 0; i < g.node(id).type.shape.numel(); i++) {
      p.input(name)[i] = random.uniform(-1, 1);
      given[id].push_back(static_cast<double>(p.input(name)[i]));
    }
  }
  p.run();
  for (auto& [name, id] : g.outputs()) {
    std::vector<double> want = interpret(g, given, {id})[id];
    for (size_t i = 0; i < want.size(); i++) ASSERT_NEAR(p.output(name)[i], want[i], 1e-4) << name << " " << i;
  }
}

TEST(Plan, UpdatesReadOldValuesAndTakeEffectTogether) {
  Graph g;
  Tensor a = g.param({.name = "a", .init = fill(2), .type = {{4}}}),
         b = g.param({.name = "b", .init = fill(5), .type = {{4}}});
  g.update("a", a + b);
  g.update("b", a * b);
  g.output("sum", a + b * 10.0f);
  State state;
  state.add(g, 0);
  Pool pool(1);
  Program p(make_plan(g, {}), state, pool);
  p.run();
  EXPECT_EQ(p.output("sum")[0], 52);
  EXPECT_EQ(state.at("a").data()[3], 7);
  EXPECT_EQ(state.at("b").data()[3], 10);
  p.run();
  EXPECT_EQ(state.at("a").data()[0], 17);
  EXPECT_EQ(state.at("b").data()[0], 70);
}

// Runs g once; returns parameter `name` afterwards.
float after_one_run(const Graph& g, const std::string& name) {
  State state;
  state.add(g, 0);
  Pool pool(1);
  Program p(make_plan(g, {}), state, pool);
  p.run();
  return state.at(name).data()[3];
}

TEST(Plan, ParametersMaySwap) {
  Graph g;
  Tensor a = g.param({.name = "a", .init = fill(2), .type = {{4}}}),
         b = g.param({.name = "b", .init = fill(5), .type = {{4}}});
  g.update("a", b);
  g.update("b", a);
  EXPECT_EQ(after_one_run(g, "a"), 5);
  EXPECT_EQ(after_one_run(g, "b"), 2);
}

TEST(Plan, AParameterMayFollowTheOldValueOfAnother) {
  Graph g;
  Tensor slow = g.param({.name = "slow", .init = fill(2), .type = {{4}}}),
         fast = g.param({.name = "fast", .init = fill(5), .type = {{4}}});
  g.update("fast", fast + slow);
  g.update("slow", fast);
  EXPECT_EQ(after_one_run(g, "fast"), 7);
  EXPECT_EQ(after_one_run(g, "slow"), 5);
}

TEST(Plan, AnUpdateMayBeAConstant) {
  Graph g;
  g.param({.name = "a", .init = fill(2), .type = {{4}}});
  g.update("a", full(g, {4}, 3.0f));
  EXPECT_EQ(after_one_run(g, "a"), 3);
}

TEST(Plan, WideReductionsAndConcatsNeedNoLimit) {
  Graph g;
  std::vector<Tensor> parts, sums;
  for (int i = 0; i < 80; i++) parts.push_back(g.input("part" + std::to_string(i), {{2, 3, 3, 4}}));
  for (int k = 0; k < 4; k++) {  // four sums over one domain, each of its own twenty tensors
    Tensor all = parts[static_cast<size_t>(20 * k)];
    for (int i = 1; i < 20; i++) all = all * 0.5f + tanh(parts[static_cast<size_t>(20 * k + i)]);
    sums.push_back(reduce_sum(all, {0, 1, 2}));
    g.output("sum" + std::to_string(k), sums.back());
  }
  g.output("all", concat(parts, 3));
  State state;
  Pool pool(1);
  Program p(make_plan(g, {}), state, pool);
  for (size_t i = 0; i < parts.size(); i++) std::fill_n(p.input("part" + std::to_string(i)), 72, static_cast<float>(i));
  p.run();
  EXPECT_EQ(p.output("all")[4 * 79], 79);
  EXPECT_GT(p.output("sum3")[0], p.output("sum0")[0]);
}

TEST(Plan, AFreedParameterIsGoneAndTheAnswerTheSame) {
  auto g = inference(*fold_norm(*build_model(find_model("resnet18"), 1, {.height = 64, .width = 64})));
  auto logits = [&](bool consume) {
    State state;
    state.add(*g, 1);
    size_t before = state.arrays().size();
    Pool pool(2);
    Program p(make_plan(*g, {.threads = 2}), state, pool, consume);
    EXPECT_EQ(state.arrays().size() < before, consume);
    std::fill_n(p.input("image"), 64 * 64 * 3, 0.5f);
    p.run();
    return std::vector<float>(p.output("logits"), p.output("logits") + 1000);
  };
  EXPECT_EQ(logits(false), logits(true));
}

}  // namespace
}  // namespace fovea
