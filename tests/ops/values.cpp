// Every operator's own cases as programs, on every instruction set, fused and not, at several thread counts, against the
// reference interpreter in double. The gradients of the cases run too: they are where the adjoint kernels show.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/random.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/registry.h"
#include "passes/grad.h"
#include "run/interpret.h"
#include "run/program.h"

namespace fovea {
namespace {

std::vector<float> draw(int64_t n, double lo, double hi, uint64_t stream) {
  Random random(7, stream);
  std::vector<float> r(static_cast<size_t>(n));
  for (float& v : r) v = random.uniform(static_cast<float>(lo), static_cast<float>(hi));
  return r;
}

// What an input of the case holds.
std::vector<double> values_of(const std::string& name, const Type& t, const Case& c) {
  if (t.dtype == DType::u32) return {3, 5};
  bool seed = name == "seed";
  std::vector<float> v = draw(t.shape.numel(), seed ? -1 : c.lo, seed ? 1 : c.hi, fnv1a(name));
  return {v.begin(), v.end()};
}

// The case and its gradients as outputs of a graph.
void build(const Case& c, Graph& g) {
  std::vector<Tensor> in;
  for (size_t i = 0; i < c.inputs.size(); i++) in.push_back(g.input("x" + std::to_string(i), {c.inputs[i]}));
  Tensor y = c.build(in);
  g.output("y", y);
  if (!c.gradient) return;
  std::vector<Tensor> d = grad(y, in, g.input("seed", y.type()));
  for (size_t i = 0; i < d.size(); i++)
    if (d[i]) g.output("d" + std::to_string(i), d[i]);
}

using Results = std::vector<std::vector<float>>;

Results run(const Graph& g, const PlanOptions& options, const Case& c) {
  State state;
  Pool pool(options.threads);
  Program p(make_plan(g, options), state, pool);
  for (auto& [name, id] : g.inputs()) {
    if (!p.has_input(name)) continue;
    const Type& t = g.node(id).type;
    float* to = p.input(name);
    for (double v : values_of(name, t, c))
      *to++ = t.dtype == DType::u32 ? std::bit_cast<float>(static_cast<uint32_t>(v)) : static_cast<float>(v);
  }
  p.run();
  Results r;
  for (auto& [name, id] : g.outputs()) r.emplace_back(p.output(name), p.output(name) + g.node(id).type.shape.numel());
  return r;
}

void expect_close(const Graph& g, const Results& got, const Case& c, const std::string& what) {
  Values given;
  for (auto& [name, id] : g.inputs()) given[id] = values_of(name, g.node(id).type, c);
  for (size_t o = 0; o < g.outputs().size(); o++) {
    int id = g.outputs()[o].second;
    std::vector<double> want = interpret(g, given, {id})[id];
    double scale = 1e-3;
    for (double v : want) scale = std::max(scale, std::fabs(v));
    for (size_t i = 0; i < want.size(); i++)
      ASSERT_NEAR(got[o][i], want[i], 2e-5 * scale) << what << ", output " << g.outputs()[o].first << "[" << i << "]";
  }
}

TEST(Operators, ProgramsEqualTheReference) {
  for (const Op* op : all_ops())
    for (const Case& c : op->cases()) {
      SCOPED_TRACE(std::string(op->name) + "/" + c.name);
      Graph g;
      build(c, g);
      expect_close(g, run(g, {.reference = true}, c), c, "reference rows");
      for (Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) {
        if (isa > detected_isa()) continue;
        Results one = run(g, {.threads = 1, .isa = isa}, c);
        expect_close(g, one, c, isa_name(isa));
        EXPECT_EQ(one, run(g, {.threads = 3, .isa = isa}, c)) << isa_name(isa) << ": other bits with 3 threads";
        expect_close(g, run(g, {.threads = 2, .isa = isa, .fuse = false}, c), c, std::string(isa_name(isa)) + ", unfused");
      }
    }
}

}  // namespace
}  // namespace fovea
