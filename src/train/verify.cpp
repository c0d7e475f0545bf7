#include "train/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/random.h"
#include "base/text.h"
#include "io/fixture.h"
#include "models/registry.h"
#include "ops/pointwise.h"
#include "passes/grad.h"
#include "run/program.h"
#include "train/fixture_io.h"
#include "train/step.h"
#include "train/weights.h"

namespace fovea {

namespace {

constexpr double kRankTolerance = 1e-4;  // where a near tie of ranks may fall the other way

using Shapes = std::map<std::string, std::vector<int64_t>>;

std::string print(const std::vector<int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

// The names that stand for one tensor beside `name`, the last of which the reference filled it by.
const std::vector<std::string>* group_of(const Fixture& f, const std::string& name) {
  for (const auto& group : f.shared)
    if (std::find(group.begin(), group.end(), name) != group.end()) return &group;
  return nullptr;
}

// The state that a model must have, by its own names: no counters, no constants.
Shapes expected_state(const Fixture& f, const Graph& g, const Renames& renames) {
  Shapes r;
  for (const FixtureTensor& t : f.state)
    if (!t.name.ends_with("num_batches_tracked") && !f.structural.count(t.name)) r[renamed(t.name, g, renames)] = t.shape;
  return r;
}

// What the reference calls parameters of other names.
std::map<std::string, std::string> names_in(const Fixture& f, const Graph& g, const Renames& renames) {
  std::map<std::string, std::string> r;
  for (const FixtureTensor& t : f.state)
    if (std::string ours = renamed(t.name, g, renames); ours != t.name) r[ours] = t.name;
  return r;
}

Shapes our_state(const Graph& g) {
  Shapes r;
  for (const Param& p : g.params()) {
    Shape s = p.file_shape();
    r[p.name] = std::vector<int64_t>(s.begin(), s.end());
  }
  return r;
}

// Constants that the reference holds as parameters count among them: all of them, or those of one part that the reference
// copies. These are their possible numbers.
std::set<int64_t> constants(const Fixture& f) {
  std::map<std::string, int64_t> parts;
  int64_t all = 0;
  for (const FixtureTensor& t : f.state) {
    if (!f.structural.count(t.name)) continue;
    int64_t size = std::accumulate(t.shape.begin(), t.shape.end(), int64_t{1}, std::multiplies<>());
    parts[t.name.substr(0, t.name.find('.'))] += size, all += size;
  }
  std::set<int64_t> r{all};
  for (auto& [part, size] : parts) r.insert(size);
  return r;
}

void compare_state(const Fixture& f, const Graph& g, const Renames& renames) {
  Shapes want = expected_state(f, g, renames), have = our_state(g);
  for (auto& [name, shape] : have) {
    if (f.structural.count(name)) continue;  // as it starts
    auto it = want.find(name);
    if (it == want.end()) fail(Code::mismatch, "parameter {} {} is not in the reference", name, print(shape));
    if (it->second != shape) fail(Code::mismatch, "parameter {}: got {}, need {}", name, print(shape), print(it->second));
  }
  for (auto& [name, shape] : want) {
    const auto* group = group_of(f, name);
    bool shared = group && std::any_of(group->begin(), group->end(), [&](auto& other) { return have.count(other); });
    if (!have.count(name) && !shared) fail(Code::mismatch, "parameter {} {} is missing", name, print(shape));
  }
  int64_t count = 0;
  for (const Param& p : g.params()) count += p.trainable ? p.type.shape.numel() : 0;
  if (count != f.params && !constants(f).count(f.params - count))
    fail(Code::mismatch, "got {} parameters, need {}", count, f.params);
}

void fill_state(const Fixture& f, const Graph& g, const Renames& renames, double gain, State& state) {
  const auto foreign = names_in(f, g, renames);
  for (const Param& p : g.params()) {
    if (f.structural.count(p.name)) continue;
    Shape shape = p.file_shape();
    const auto* group = group_of(f, p.name);
    std::vector<int64_t> dims(shape.begin(), shape.end());
    auto other = foreign.find(p.name);
    const std::string& name = group ? group->back() : other != foreign.end() ? other->second : p.name;
    std::vector<float> values = hashfill(name, dims, gain, f.exceptions);
    Array& array = state.has(p.name) ? state.at(p.name) : state.put(p.name, Array(p.type.shape));
    from_file_order(p, values.data(), array.data());
  }
}

void fill_inputs(const Fixture& f, Program& program) {
  for (const NamedRef& in : program.plan().inputs) {
    auto values = in.name == "image"  ? fixture_input(f)
                  : in.name == "grad" ? fixture_units("grad", in.type.shape)
                                      : fixture_input(f, in.name, in.type.shape);
    std::copy(values.begin(), values.end(), program.input(in.name));
  }
}

FixtureOutput output(const Program& program, const std::string& name) {
  const Shape& shape = program.output_shape(name);
  return {{program.output(name), static_cast<size_t>(shape.numel())}, shape};
}

// The first one first, and those that have a name in the fixture not at all.
std::vector<FixtureOutput> outputs(const Fixture& f, const Program& program) {
  std::vector<FixtureOutput> r{output(program, "logits")};
  for (const NamedRef& out : program.plan().outputs)
    if (out.name != "logits" && !f.extra.count(out.name)) r.push_back(output(program, out.name));
  return r;
}

// The gradients that the fixture lists become outputs of its names for them.
void add_gradients(const Fixture& f, Graph& g) {
  std::vector<Tensor> wrt;
  std::vector<std::string> names;
  for (const Param& p : g.params())
    if (f.extra.count("grad_" + p.name)) wrt.push_back(g.at(p.node)), names.push_back("grad_" + p.name);
  if (wrt.empty()) return;
  Tensor y = g.output_tensor("logits");
  std::vector<Tensor> d = grad(y, wrt, g.input("grad", y.type()));
  for (size_t i = 0; i < d.size(); i++) g.output(names[i], d[i] ? d[i] : full(g, wrt[i].shape(), 0));
}

void compare_extra(const Fixture& f, const Graph& g, const Program& program, double tolerance, FixtureError& worst) {
  for (const NamedRef& out : program.plan().outputs) {
    auto need = f.extra.find(out.name);
    if (need == f.extra.end()) continue;
    FixtureOutput ours = output(program, out.name);
    std::vector<float> ordered(ours.values.begin(), ours.values.end());
    bool gradient = out.name.starts_with("grad_");
    if (gradient) {  // which has the order of its parameter
      to_file_order(*g.find_param(out.name.substr(5)), ours.values.data(), ordered.data());
      ours = {ordered, {static_cast<int>(ordered.size())}};
    }
    compare_numbers(out.name, need->second, tolerance, ours, worst);
  }
}

// The model as the fixture wants it, with a state to fill.
struct Subject {
  Subject(const Fixture& fixture, const Model& m) : f(fixture), model(m), graph(fixture_graph(f, model)) {
    compare_state(f, *graph, model.renames);
    if (!f.structural.empty()) state.add(*graph, 0);
    runs = eval_graph(*graph);
    add_gradients(f, *runs);
  }
  void fill(double gain) { fill_state(f, *graph, model.renames, gain, state); }

  const Fixture& f;
  const Model& model;
  std::unique_ptr<Graph> graph, runs;
  State state;
};

// Runs it and compares; throws what differs by more than the run's tolerance.
FixtureError compare_run(const Subject& s, const FixtureRun& run, Program& program) {
  fill_inputs(s.f, program);
  program.run();
  FixtureError worst;
  compare_outputs(run, outputs(s.f, program), worst);
  compare_extra(s.f, *s.graph, program, run.tolerance, worst);
  return worst;
}

// What weights do to the outputs that are wrong by as much as bfloat16 rounds, the worst of some draws: where values grow
// from layer to layer, as with many a fixture's weights, that is more than bf16_tolerance. Leaves the state as filled.
double error_of_wrong_weights(Subject& s, FixtureRun run, Pool& pool) {
  double worst = 0;
  s.fill(run.gain);
  Program program(make_plan(*s.runs, {.threads = pool.size()}), s.state, pool);
  run.tolerance = 1e30;
  for (uint64_t draw = 0; draw < 4; draw++) {
    for (auto& [name, a] : s.state.arrays()) {
      Random random(draw, fnv1a(name));
      if (a.shape().rank > 1 && !s.f.structural.count(name))
        for (int64_t i = 0; i < a.size(); i++) a.data()[i] *= 1 + random.uniform(-0x1p-9f, 0x1p-9f);
    }
    program.refresh();
    worst = std::max(worst, compare_run(s, run, program).error);
    s.fill(run.gain);
  }
  return worst;
}

void verify(const Fixture& f, Pool& pool, kernels::Precision precision, VerifyResult& result) {
  result.built = false;
  const Model* model = find_reference(f.model);
  if (!model) find_model(f.model);
  result.built = true;
  Subject s(f, *model);
  s.fill(1);
  Program program(make_plan(*s.runs, {.threads = pool.size(), .precision = precision}), s.state, pool);
  for (FixtureRun run : f.runs) {
    if (run.tolerance < 0) continue;
    if (run.gain != 1) s.fill(run.gain), program.refresh();
    if (model->ranks) run.tolerance = std::max(run.tolerance, kRankTolerance);
    if (precision == kernels::Precision::bf16) {
      run.tolerance = std::max(run.tolerance, bf16_tolerance);
      FixtureRun any = run;
      any.tolerance = 1e30;
      if (compare_run(s, any, program).error > run.tolerance)
        run.tolerance = std::max(run.tolerance, 3 * error_of_wrong_weights(s, run, pool));
    }
    FixtureError worst = compare_run(s, run, program);
    if (result.runs++ == 0 || worst.error * result.tolerance > result.error * worst.tolerance)
      result.error = worst.error, result.tolerance = worst.tolerance;
  }
  if (result.runs == 0) fail(Code::mismatch, "nothing to compare: the reference is too uncertain in every run");
}

}  // namespace

std::unique_ptr<Graph> fixture_graph(const Fixture& f, const Model& model) {
  auto side = [&](size_t i) { return static_cast<int>(std::min<int64_t>(f.input[i], 1 << 20)); };
  if (model.kind == ModelKind::layer) {
    Shape x;
    if (f.input.size() > kMaxRank) fail(Code::unsupported, "an input of more than {} dimensions", kMaxRank);
    for (size_t i = 0; i < f.input.size(); i++) x.push(side(i));
    if (x.rank == 4) x = {x[0], x[2], x[3], x[1]};
    return build_layer(model, x, f.settings);
  }
  if (f.input.size() != 4) fail(Code::unsupported, "the input is no picture: {}", print(f.input));
  return build_model(model, side(0), {.channels = side(1), .height = side(2), .width = side(3), .settings = f.settings});
}

VerifyResult verify_fixture(const std::string& path, Pool& pool, kernels::Precision precision) {
  VerifyResult r;
  r.path = path;
  try {
    Fixture f = read_fixture(path);
    r.model = f.model;
    verify(f, pool, precision, r);
    r.passed = true;
    r.message = fmt::format("{} tensors, {} runs, error {:.1e} of {:.1e}", f.state.size(), r.runs, r.error, r.tolerance);
  } catch (const Error& e) {
    if (e.code() == Code::bug) throw;
    r.message = e.what();
  }
  return r;
}

std::vector<std::string> find_fixtures(const std::vector<std::string>& paths) {
  namespace fs = std::filesystem;
  std::vector<std::string> r;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      r.push_back(path);
      continue;
    }
    std::vector<std::string> found;
    for (fs::recursive_directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
      std::string name = entry->path().string();
      if (name.ends_with(".json") || name.ends_with(".json.gz")) found.push_back(name);
    }
    if (error) fail(Code::usage, "{}: cannot list: {}", escape_control(path), error.message());
    if (found.empty()) fail(Code::bad_file, "{}: holds no fixtures (.json or .json.gz)", escape_control(path));
    std::sort(found.begin(), found.end());
    r.insert(r.end(), found.begin(), found.end());
  }
  return r;
}

}  // namespace fovea
