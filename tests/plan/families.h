// A model of every family, for tests of passes and plans.
#pragma once
#include <algorithm>
#include <map>

#include "base/random.h"
#include "models/registry.h"
#include "run/program.h"

namespace fovea::test {

// What a model costs a test: weights are drawn, laid out and used.
inline int64_t cost(const Graph& g) {
  int64_t r = 0;
  for (const Param& p : g.params()) r += 100 * p.type.shape.numel();
  for (int id = 0; id < g.size(); id++) r += node_macs(g, id);
  return r;
}

// The cheapest of each family.
inline const std::vector<const Model*>& one_of_each_family() {
  static const std::vector<const Model*> found = [] {
    std::map<std::string, std::pair<int64_t, const Model*>> best;
    for (const Model& m : all_models()) {
      if (m.kind != ModelKind::classifier) continue;
      const int64_t now = cost(*build_model(m, 1));
      auto [it, fresh] = best.try_emplace(m.family, now, &m);
      if (now < it->second.first) it->second = {now, &m};
    }
    std::vector<const Model*> r;
    for (auto& [family, least] : best) r.push_back(least.second);
    return r;
  }();
  return found;
}

// The logits for random pixels.
inline std::vector<float> logits(const Graph& g, State& state, const PlanOptions& options, Pool& pool) {
  Program p(make_plan(g, options), state, pool);
  Random random(1, 2);
  for (const NamedRef& in : p.plan().inputs)
    std::generate_n(p.input(in.name), in.type.shape.numel(), [&] { return random.uniform(-1, 1); });
  p.run();
  const float* y = p.output("logits");
  return {y, y + p.output_shape("logits").numel()};
}

// A model with random parameters. Vectors (statistics, scales, shifts) are moved away from their neutral start, as training
// does: a fresh network's signal dies on the way, and zeros would pass any comparison.
class RandomNetwork {
 public:
  RandomNetwork(const Model& m, const ModelOptions& o, int batch, Pool& pool)
      : recorded_(build_model(m, batch, o)), pool_(pool) {
    state_.add(*recorded_, 5, pool);
    for (auto& [name, a] : state_.arrays())
      if (a.shape().rank == 1) {
        Random random(5, fnv1a(name));
        for (int64_t i = 0; i < a.size(); i++) a.data()[i] += random.uniform(-0.2f, 0.2f);
      }
  }

  const Graph& recorded() const { return *recorded_; }
  State& state() { return state_; }
  std::vector<float> logits(const Graph& g, PlanOptions options = {}) {
    options.threads = pool_.size();
    return test::logits(g, state_, options, pool_);
  }
  // Every weight is made wrong by up to this share of itself.
  void disturb(float share, uint64_t seed) {
    for (auto& [name, a] : state_.arrays()) {
      Random random(seed, fnv1a(name));
      if (a.shape().rank > 1)
        for (int64_t i = 0; i < a.size(); i++) a.data()[i] *= 1 + random.uniform(-share, share);
    }
  }

 private:
  std::unique_ptr<Graph> recorded_;
  State state_;
  Pool& pool_;
};

}  // namespace fovea::test
