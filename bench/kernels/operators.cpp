// The cases of the operator tests and their gradients as programs, by every backend, held against the reference
// interpreter. The cases are small: what is measured is what a step costs at least.
#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>

#include "bench/kernels/measure.h"
#include "ops/pointwise.h"
#include "ops/registry.h"
#include "passes/grad.h"
#include "run/interpret.h"
#include "run/program.h"

namespace fovea::bench {
namespace {

struct Backend {
  const char* name;
  PlanOptions options;
};

// The first is what the others are compared with.
std::vector<Backend> backends(const Options& o) {
  std::vector<Backend> all{{"reference", {.reference = true}}};
  for (Isa isa : {Isa::portable, Isa::avx2, Isa::avx512})
    if (isa <= o.isa) all.push_back({isa_name(isa), {.isa = isa}});
  all.push_back({"one by one", {.isa = o.isa, .fuse = false, .regions = false}});
  all.push_back({"threads", {.threads = o.threads, .isa = o.isa}});
  return all;
}

std::vector<double> values_of(const std::string& name, const Type& t, const fovea::Case& c) {
  if (t.dtype == DType::u32) return {3, 5};
  Random random(7, fnv1a(name));
  std::vector<double> v(static_cast<size_t>(t.shape.numel()));
  for (double& x : v) x = double{random.uniform(static_cast<float>(c.lo), static_cast<float>(c.hi))};
  return v;
}

// The case as a graph, with its gradients if it has some, and what its outputs should be.
struct Task {
  explicit Task(const fovea::Case& c) {
    std::vector<Tensor> in;
    for (size_t i = 0; i < c.inputs.size(); i++) in.push_back(graph.input("x" + std::to_string(i), {c.inputs[i]}));
    const Tensor y = c.build(in);
    graph.output("y", y);
    std::vector<Tensor> d;
    if (c.gradient) d = grad(y, in, graph.input("seed", y.type()));
    for (size_t i = 0; i < d.size(); i++)
      if (d[i]) graph.output("d" + std::to_string(i), d[i]);
    std::vector<int> wanted;
    for (auto& [name, id] : graph.inputs()) given[id] = values_of(name, graph.node(id).type, c);
    for (auto& [name, id] : graph.outputs()) wanted.push_back(id);
    want = interpret(graph, given, wanted);
  }
  Graph graph;
  Values given, want;
};

struct Runner {
  Runner(const Task& task, const PlanOptions& options)
      : pool(options.threads), program(make_plan(task.graph, options), state, pool) {
    for (auto& [name, id] : task.graph.inputs()) {
      if (!program.has_input(name)) continue;
      const bool words = task.graph.node(id).type.dtype == DType::u32;
      float* to = program.input(name);
      for (double v : task.given.at(id))
        *to++ = words ? std::bit_cast<float>(static_cast<uint32_t>(v)) : static_cast<float>(v);
    }
  }
  // 2e-5 of the largest value of an output is allowed, as in the tests.
  double error(const Task& task) const {
    double worst = 0;
    for (auto& [name, id] : task.graph.outputs()) {
      const std::vector<double>& want = task.want.at(id);
      double scale = 1e-3;
      for (double v : want) scale = std::max(scale, std::abs(v));
      for (size_t i = 0; i < want.size(); i++) {
        const double error = std::abs(program.output(name)[i] - want[i]) / (2e-5 * scale);
        if (!(error <= worst)) worst = error;
        if (error != error) return error;
      }
    }
    return worst;
  }
  State state;
  Pool pool;
  Program program;
};

}  // namespace

void operators(Suite& suite) {
  suite.category("operators");
  for (const Op* op : all_ops()) {
    for (const fovea::Case& c : op->cases()) {
      const std::string name = fmt::format("{} {}", op->name, c.name);
      if (!suite.takes(name)) continue;
      auto task = std::make_shared<Task>(c);
      std::vector<Subject> all;
      for (const Backend& b : backends(suite.options())) {
        auto runner = std::make_shared<Runner>(*task, b.options);
        all.push_back({b.name, [runner] { runner->program.run(); }, [task, runner] { return runner->error(*task); }});
      }
      suite.add({name, 0, 0, all});
    }
  }
}

}  // namespace fovea::bench
