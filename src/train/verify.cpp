#include "train/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "io/fixture.h"
#include "models/registry.h"
#include "run/program.h"
#include "train/step.h"

namespace fovea {

namespace {

using Shapes = std::map<std::string, std::vector<int64_t>>;

std::string print(const std::vector<int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

// The names that stand for one tensor beside `name`, the last of which the reference filled it by.
const std::vector<std::string>* group_of(const Fixture& f, const std::string& name) {
  for (const auto& group : f.shared)
    if (std::find(group.begin(), group.end(), name) != group.end()) return &group;
  return nullptr;
}

// The state that a model must have: no counters, no constants.
Shapes expected_state(const Fixture& f) {
  Shapes r;
  for (const FixtureTensor& t : f.state)
    if (!t.name.ends_with("num_batches_tracked") && !f.structural.count(t.name)) r[t.name] = t.shape;
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

void compare_state(const Fixture& f, const Graph& g) {
  Shapes want = expected_state(f), have = our_state(g);
  for (auto& [name, shape] : have) {
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
  if (count != f.params) fail(Code::mismatch, "got {} parameters, need {}", count, f.params);
}

void fill_state(const Fixture& f, const Graph& g, double gain, State& state) {
  for (const Param& p : g.params()) {
    Shape shape = p.file_shape();
    const auto* group = group_of(f, p.name);
    std::vector<int64_t> dims(shape.begin(), shape.end());
    std::vector<float> values = hashfill(group ? group->back() : p.name, dims, gain, f.exceptions);
    Array& array = state.has(p.name) ? state.at(p.name) : state.put(p.name, Array(p.type.shape));
    from_file_order(p, values.data(), array.data());
  }
}

// u of the name "input", from [n,c,h,w] to [n,h,w,c].
void fill_input(const std::vector<int64_t>& shape, float* out) {
  int64_t n = shape[0], c = shape[1], pixels = shape[2] * shape[3];
  for (int64_t i = 0; i < n; i++)
    for (int64_t channel = 0; channel < c; channel++)
      for (int64_t p = 0; p < pixels; p++)
        out[(i * pixels + p) * c + channel] =
            static_cast<float>(hash_unit("input", static_cast<uint64_t>((i * c + channel) * pixels + p)));
}

// Outputs against one run's, noting the largest error.
class Comparison {
 public:
  Comparison(const FixtureRun& run, VerifyResult& result) : run_(run), result_(result) {}

  void near(const char* what, size_t row, size_t index, double got, double need) {
    double error = std::fabs(got - need) / run_.scale;
    // The one that came nearest to its tolerance, and nan above all.
    if (result_.tolerance == 0 || !(error * result_.tolerance <= result_.error * run_.tolerance))
      result_.error = error, result_.tolerance = run_.tolerance;
    if (!(error <= run_.tolerance))
      fail(Code::mismatch,
           "{} [{}][{}]: got {:.9g}, need {:.9g}; the error is {:.2g} of the largest output, {:.2g} is allowed", what, row,
           index, got, need, error, run_.tolerance);
  }

  void row(size_t i, std::span<const float> out) {
    for (size_t k = 0; k < run_.logits[i].size(); k++) near("output", i, k, static_cast<double>(out[k]), run_.logits[i][k]);
    int64_t best = std::max_element(out.begin(), out.end()) - out.begin();
    bool sure = i < run_.margin.size() && run_.margin[i] > 2 * run_.tolerance;
    if (sure && best != run_.argmax[i])
      fail(Code::mismatch, "the largest output of row {} is number {}, need {}", i, best, run_.argmax[i]);
  }

  void moments(size_t i, std::span<const float> out) {
    double sum = 0, squares = 0, n = static_cast<double>(out.size());
    for (float v : out) sum += static_cast<double>(v);
    for (float v : out) squares += (static_cast<double>(v) - sum / n) * (static_cast<double>(v) - sum / n);
    near("mean of row", i, 0, sum / n, run_.mean[i]);
    near("standard deviation of row", i, 0, std::sqrt(squares / n), run_.std[i]);
  }

 private:
  const FixtureRun& run_;
  VerifyResult& result_;
};

void compare_outputs(const FixtureRun& run, const float* out, const Shape& shape, VerifyResult& result) {
  size_t rows = static_cast<size_t>(shape[0]), all = static_cast<size_t>(shape.numel()), width = all / rows;
  bool fits = run.logits.size() == rows && run.argmax.size() == rows && (run.mean.size() == rows || run.mean.size() == 1);
  for (const auto& row : run.logits) fits = fits && row.size() <= width;
  if (!fits || run.mean.size() != run.std.size()) fail(Code::mismatch, "the output {} is not the reference's", shape.str());
  Comparison c(run, result);
  for (size_t i = 0; i < rows; i++) c.row(i, {out + i * width, width});
  size_t parts = run.mean.size();
  for (size_t i = 0; i < parts; i++) c.moments(i, {out + i * (all / parts), all / parts});
}

void verify(const Fixture& f, Pool& pool, kernels::Precision precision, VerifyResult& result) {
  result.built = false;
  const Model& model = find_model(f.model);
  result.built = true;
  if (f.input.size() != 4) fail(Code::unsupported, "the input is no picture: {}", print(f.input));
  auto side = [&](size_t i) { return static_cast<int>(std::min<int64_t>(f.input[i], 1 << 20)); };
  ModelOptions options{.channels = side(1), .height = side(2), .width = side(3)};
  std::unique_ptr<Graph> graph = build_model(model, side(0), options);
  compare_state(f, *graph);
  State state;
  fill_state(f, *graph, 1, state);
  Program program(make_plan(*eval_graph(*graph), {.threads = pool.size(), .precision = precision}), state, pool);
  for (FixtureRun run : f.runs) {
    if (run.tolerance < 0) continue;
    if (precision == kernels::Precision::bf16) run.tolerance = std::max(run.tolerance, bf16_tolerance);
    if (run.gain != 1) fill_state(f, *graph, run.gain, state), program.refresh();
    fill_input(f.input, program.input("image"));
    program.run();
    compare_outputs(run, program.output("logits"), program.output_shape("logits"), result);
    result.runs++;
  }
  if (result.runs == 0) fail(Code::mismatch, "nothing to compare: the reference is too uncertain in every run");
}

}  // namespace

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
