// Every operator's own cases: first and second derivatives against central differences, all in double.
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/registry.h"
#include "passes/grad.h"
#include "run/interpret.h"

namespace fovea {
namespace {

std::vector<double> draw(int64_t n, double lo, double hi, uint64_t stream) {
  Random random(20261, stream);
  std::vector<double> r(static_cast<size_t>(n));
  for (double& v : r) v = lo + (hi - lo) * static_cast<double>(random.uniform());
  return r;
}

struct Problem {
  Graph g;
  std::vector<Tensor> in;
  Values given;
  // Fixed numbers, so that a sum of products with them tells every element apart.
  Tensor weights_like(Tensor t, uint64_t stream) {
    Tensor w = g.input("weights" + std::to_string(stream), t.type());
    given[w.id] = draw(t.shape().numel(), -1, 1, stream);
    return w;
  }
  double value(Tensor t) { return interpret(g, given, {t.id})[t.id][0]; }
};

// The derivative of the scalar s along a direction of the inputs, by its gradient and by differences.
void expect_gradient(Problem& p, Tensor s, const std::string& what) {
  std::vector<Tensor> d = grad(s, p.in);
  double analytic = 0;
  std::vector<std::vector<double>> along;
  for (size_t i = 0; i < p.in.size(); i++) {
    along.push_back(draw(p.in[i].shape().numel(), -1, 1, 90 + i));
    if (!d[i]) continue;
    std::vector<double> v = interpret(p.g, p.given, {d[i].id})[d[i].id];
    for (size_t k = 0; k < v.size(); k++) analytic += v[k] * along[i][k];
  }
  const double step = 1e-5;
  auto moved = [&](double h) {
    Values at = p.given;
    for (size_t i = 0; i < p.in.size(); i++)
      for (size_t k = 0; k < along[i].size(); k++) at[p.in[i].id][k] += h * along[i][k];
    return interpret(p.g, at, {s.id})[s.id][0];
  };
  double numeric = (8 * (moved(step) - moved(-step)) - (moved(2 * step) - moved(-2 * step))) / (12 * step);
  EXPECT_NEAR(analytic, numeric, 1e-6 * std::max(1.0, std::fabs(numeric))) << what;
}

TEST(Operators, FirstAndSecondDerivatives) {
  int count = 0;
  for (const Op* op : all_ops())
    for (const Case& c : op->cases()) {
      if (!c.gradient) continue;
      SCOPED_TRACE(std::string(op->name) + "/" + c.name);
      Problem p;
      for (size_t i = 0; i < c.inputs.size(); i++) {
        p.in.push_back(p.g.input("x" + std::to_string(i), {c.inputs[i]}));
        p.given[p.in.back().id] = draw(c.inputs[i].numel(), c.lo, c.hi, i);
      }
      Tensor y = c.build(p.in);
      for (auto& [name, id] : p.g.inputs())
        if (p.g.node(id).type.dtype == DType::u32) p.given[id] = {3, 5};
      Tensor s = sum_all(y * p.weights_like(y, 50));
      expect_gradient(p, s, "first derivative");
      Tensor along;
      std::vector<Tensor> d = grad(s, p.in);
      for (size_t i = 0; i < d.size(); i++)
        if (d[i]) {
          Tensor part = sum_all(d[i] * p.weights_like(d[i], 60 + i));
          along = along ? along + part : part;
        }
      if (along) expect_gradient(p, along, "second derivative");
      count++;
    }
  EXPECT_GT(count, 60);
}

TEST(Operators, EveryOneHasCasesAndADerivative) {
  for (const Op* op : all_ops()) {
    EXPECT_TRUE(op->vjp || op->body) << op->name;
    EXPECT_TRUE(op->reference || op->body) << op->name;
    EXPECT_FALSE(op->cases().empty()) << op->name;
  }
}

}  // namespace
}  // namespace fovea
