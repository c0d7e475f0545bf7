// A network's parts compute what the whole one computes on the way: of a model of every family.
#include "passes/taps.h"

#include <gtest/gtest.h>

#include <cmath>

#include "passes/inference.h"
#include "plan/families.h"

namespace fovea {
namespace {

std::map<std::string, std::vector<float>> outputs(const Graph& g, State& state, Pool& pool) {
  Program p(make_plan(g, {.threads = pool.size()}), state, pool);
  Random random(1, 2);
  std::generate_n(p.input("image"), p.plan().inputs[0].type.shape.numel(), [&] { return random.uniform(-1, 1); });
  p.run();
  std::map<std::string, std::vector<float>> r;
  for (auto& [name, id] : g.outputs()) r[name].assign(p.output(name), p.output(name) + g.node(id).type.shape.numel());
  return r;
}

void expect_near(const std::vector<float>& got, const std::vector<float>& want, const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  double largest = 0, error = 0;
  for (size_t i = 0; i < want.size(); i++) {
    largest = std::max(largest, std::fabs(static_cast<double>(want[i])));
    error = std::max(error, std::fabs(static_cast<double>(got[i]) - static_cast<double>(want[i])));
  }
  EXPECT_GT(largest, 0) << what;
  EXPECT_LE(error, 1e-4 * largest) << what;  // fused otherwise, so rounded otherwise
}

TEST(Taps, ComputeWhatTheNetworkDoes) {
  Pool pool(2);
  for (const Model* m : test::one_of_each_family()) {
    test::RandomNetwork net(*m, {}, 1, pool);
    const std::vector<float> pooled = outputs(*inference(*headless(net.recorded())), net.state(), pool)["pooled"];
    float largest = 0;
    for (float v : pooled) largest = std::isfinite(v) ? std::max(largest, std::fabs(v)) : INFINITY;
    EXPECT_TRUE(largest > 0 && std::isfinite(largest)) << m->name << " without its head";
    if (m->family == "fully_connected") continue;  // no maps
    auto whole = inference(net.recorded()), part = inference(*features(net.recorded()));
    for (const Feature& f : feature_info(*whole)) whole->output(f.name, whole->at(f.node));
    auto want = outputs(*whole, net.state(), pool), got = outputs(*part, net.state(), pool);
    EXPECT_FALSE(got.empty());
    for (auto& [name, values] : got) expect_near(values, want[name], m->name + " " + name);
  }
}

}  // namespace
}  // namespace fovea
