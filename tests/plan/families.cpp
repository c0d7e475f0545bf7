// What must hold for a model of every family, each with one set of random parameters.
#include "plan/families.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ops/pointwise.h"
#include "passes/fold_norm.h"
#include "passes/inference.h"
#include "passes/pass.h"
#include "run/freeze.h"

namespace fovea {
namespace {

double largest(const std::vector<float>& v) {
  double r = 0;
  for (float x : v) r = std::max(r, std::fabs(static_cast<double>(x)));
  return r;
}

double distance(const std::vector<float>& got, const std::vector<float>& want) {
  EXPECT_EQ(got.size(), want.size());
  double r = 0;
  for (size_t i = 0; i < std::min(got.size(), want.size()); i++) {
    double d = std::fabs(static_cast<double>(got[i]) - static_cast<double>(want[i]));
    r = d <= r ? r : d;  // nan stays
  }
  return r / largest(want);
}

// Random networks whose values grow from layer to layer are ill-conditioned: where an error exceeds its tolerance, the
// measure is what weights do that are wrong by one rounding.
class Judge {
 public:
  explicit Judge(const Model& m, Pool& pool) : model_(m), pool_(pool) {}
  void near(const char* what, double error, double tolerance, float rounding) const {
    if (error <= tolerance) return;
    double by_weights = 0;
    for (uint64_t seed : {6, 7, 8, 9}) {
      test::RandomNetwork net(model_, {}, batch(), pool_);
      auto g = inference(net.recorded());
      const std::vector<float> exact = net.logits(*g);
      net.disturb(rounding, seed);
      by_weights = std::max(by_weights, distance(net.logits(*g), exact));
    }
    EXPECT_LE(error, 3 * by_weights) << what << ", tolerance " << tolerance;
  }
  // A second picture where it does not take long.
  int batch() const { return test::cost(*build_model(model_, 1)) < 3'000'000'000 ? 2 : 1; }

 private:
  const Model& model_;
  Pool& pool_;
};

void expect_passes_keep_outputs(test::RandomNetwork& net, const Judge& judge) {
  const std::vector<float> want = net.logits(*inference(net.recorded()));
  ASSERT_GT(largest(want), 0);
  for (const Pass* pass : all_passes()) {
    if (pass->tolerance < 0) continue;
    const std::vector<float> got = net.logits(*inference(*pass->apply(net.recorded())));
    judge.near(pass->name, distance(got, want), pass->tolerance, 0x1p-23f);
  }
}

// Fusion may take a sum in another order, no more; bfloat16 has 8 bits: 2^-9 for an operand.
void expect_plans_agree(test::RandomNetwork& net, const Graph& g, const Judge& judge) {
  const std::vector<float> want = net.logits(g);
  judge.near("fusion", distance(net.logits(g, {.fuse = false}), want), 1e-5, 0x1p-23f);
  const double rounding = distance(net.logits(g, {.precision = kernels::Precision::bf16}), want);
  judge.near("bfloat16", rounding, bf16_tolerance, 0x1p-9f);
  EXPECT_GE(rounding, 1e-4) << "nothing was rounded";
}

// Freezing: the same logits to the bit, and nothing left to compute from parameters alone. Spends the parameters.
void expect_frozen_stays(test::RandomNetwork& net, const Graph& g, Pool& pool) {
  const std::vector<float> want = net.logits(g);
  std::unique_ptr<Graph> frozen = freeze(g, net.state(), pool);
  EXPECT_EQ(net.logits(*frozen), want);
  EXPECT_EQ(net.state().arrays().size(), frozen->params().size());
  for (int i = 0; i < frozen->size(); i++) {
    const Node& n = frozen->node(i);
    bool fixed = !is_leaf(n) && n.op != &Full::op;
    for (int in : n.inputs) fixed = fixed && frozen->param_of(in);
    EXPECT_FALSE(fixed) << n.op->name;
  }
}

TEST(Families, KeepTheirAnswers) {
  Pool pool(2);
  for (const Model* m : test::one_of_each_family()) {
    SCOPED_TRACE(m->name);
    const Judge judge(*m, pool);
    test::RandomNetwork net(*m, {}, judge.batch(), pool);
    expect_passes_keep_outputs(net, judge);
    std::unique_ptr<Graph> folded = inference(*fold_norm(net.recorded()));
    expect_plans_agree(net, *folded, judge);
    expect_frozen_stays(net, *folded, pool);
  }
}

}  // namespace
}  // namespace fovea
