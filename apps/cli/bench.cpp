// fovea bench: how fast is a model here, and where does the time go?
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "_efficiency.h"
#include "_network.h"
#include "base/atomic_file.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/text.h"
#include "kernels/peak.h"
#include "train/optim.h"
#include "train/step.h"

namespace fovea::cli {
namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

struct Request {
  NetworkFlags network;
  int batch = 1, runs = 0;
  double seconds = 2;
  bool layers = false, training = false;
  std::string drawing;
  Common common;
};

bool parse(std::span<const std::string> args, Request& r) {
  Flags o("bench MODEL",
          "Measures how fast a model runs here, on random pictures and (without --weights) random weights: median and\n"
          "least time, throughput, and the share of the measured f32 peak of this machine's cores. A kernel that needs\n"
          "fewer operations than the layer counts (winograd), or rounds them (bf16), may be above 100 %. In --layers, a\n"
          "+ behind a kernel is the pointwise work that it does along the way.");
  r.network.add(o);
  o.section("What to measure");
  o.number("--batch", r.batch, 1, 4096, "pictures at once; default: 1");
  o.number("--image-size", r.network.card.image_size, 1, 8192, "side of the pictures; default: the card's");
  o.flag("--train", r.training, "a training step (SGD) instead of prediction");
  o.flag("--layers", r.layers, "every step of the plan: kernel, time, share of the peak, kernels that refused and why");
  o.text("--svg", "FILE", r.drawing, "where the time goes: efficiency gap and waterline of every step, as a picture");
  o.number("--seconds", r.seconds, 0.01, 3600, "to measure for, after a warm-up; default: 2");
  o.number("--runs", r.runs, 1, 1000000, "so many runs instead");
  r.common.add_running(o);
  r.common.add_format(o);
  return o.parse(args);
}

// What is measured: a program with its state, and how long it took until it could run.
struct Subject {
  ModelInfo info;
  State state;
  std::unique_ptr<Program> program;
  double load_seconds = 0;
};

std::unique_ptr<Graph> graph_to_run(const Request& r, const ModelInfo& info) {
  if (!r.training) return inference_graph(info, r.batch);
  return make_step(*build_model(find_model(info.model), r.batch, info.options), {}).step;
}

void prepare(const Request& r, Pool& pool, Subject& s) {
  auto start = Clock::now();
  NetworkFile file = r.network.open(false);
  if (r.training && r.network.precision != "f32") fail(Code::usage, "bench --train: trains in f32. Leave --precision away");
  if (r.training && file.file) fail(Code::usage, "bench --train: measures random weights. Leave {} away", file.path);
  s.info = r.network.identify(file);
  std::unique_ptr<Graph> graph = graph_to_run(r, s.info);
  std::unique_ptr<Plan> plan = make_plan(*graph, r.network.plan(r.common.threads));
  check_memory(memory_of(*plan, !r.training), r.common.mem_limit, s.info.model,
               "Use a smaller --batch or --image-size, or raise --mem-limit");
  s.state.add(*graph, 0, pool);
  if (file.file) {
    LoadOptions options{.renames = find_model(s.info.model).renames};
    if (Loaded l = load_weights(s.state, *graph, *file.file, file.path, options); !l.warning.empty()) note(l.warning);
  }
  s.program = std::make_unique<Program>(std::move(plan), s.state, pool, !r.training);
  s.load_seconds = since(start);
}

// Noise for pictures, a class for each of them, a learning rate of 0 so that weights stay as they are.
void fill_inputs(Program& p) {
  for (const NamedRef& in : p.plan().inputs) {
    float* values = p.input(in.name);
    int64_t n = in.type.shape.numel();
    Random random(1, fnv1a(in.name));
    if (in.name == "target") {
      std::fill_n(values, n, 0.f);
      int classes = in.type.shape[1];
      for (int64_t i = 0; i < n / classes; i++) values[i * classes + random.below(static_cast<uint32_t>(classes))] = 1;
    } else {
      for (int64_t i = 0; i < n; i++) values[i] = random.uniform(-1, 1);
    }
  }
  for (auto& [name, value] : optimizer_feeds({}, 0, 0))
    if (p.has_input(name)) *p.input(name) = value;
}

std::vector<double> measure(const Request& r, Program& p) {
  for (int i = 0; i < 2; i++) p.run();
  std::vector<double> times;
  auto begin = Clock::now();
  auto enough = [&] { return r.runs ? std::ssize(times) >= r.runs : std::ssize(times) >= 5 && since(begin) >= r.seconds; };
  while (!enough()) {
    auto start = Clock::now();
    p.run();
    times.push_back(since(start));
  }
  return times;
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

// Median seconds of every step.
std::vector<double> step_times(Program& p) {
  constexpr size_t kRuns = 15;
  std::vector<std::vector<double>> by_step(p.plan().steps.size());
  for (size_t run = 0; run < kRuns; run++) {
    std::vector<double> once = p.profile();
    for (size_t i = 0; i < once.size(); i++) by_step[i].push_back(once[i]);
  }
  std::vector<double> out(by_step.size());
  std::transform(by_step.begin(), by_step.end(), out.begin(), median);
  return out;
}

Record step_row(const Plan& plan, const Step& s, double seconds, double peak) {
  double rate = seconds > 0 ? static_cast<double>(s.flops) / seconds : 0;
  const Shape shape = s.node >= 0 ? plan.graph->node(s.node).type.shape : Shape{};
  return {{"kernel", s.kernel},
          {"layer", s.scope},
          {"output", s.node >= 0 ? Value::list(shape) : Value("")},
          {"ms", Value(seconds * 1e3, 4)},
          {"gflop_per_second", Value(rate * 1e-9, 1)},
          {"percent_of_peak", Value(100 * rate / peak, 1)},
          {"gb_per_second", Value(seconds > 0 ? static_cast<double>(s.bytes) / seconds * 1e-9 : 0, 1)},
          {"refused", fmt::format("{}", fmt::join(s.refused, "; "))}};
}

Record summary(const Request& r, const Subject& s, const std::vector<double>& times, double peak) {
  const Plan& plan = s.program->plan();
  double middle = median(times), rate = static_cast<double>(plan.flops()) / middle;
  return {{"model", s.info.model},
          {"mode", r.training ? "train" : "predict"},
          {"batch", r.batch},
          {"height", s.info.card.height},
          {"width", s.info.card.width},
          {"threads", r.common.threads},
          {"isa", isa_name(active_isa())},
          {"precision", r.network.precision},
          {"runs", static_cast<int64_t>(times.size())},
          {"median_ms", Value(middle * 1e3, 4)},
          {"min_ms", Value(*std::min_element(times.begin(), times.end()) * 1e3, 4)},
          {"images_per_second", Value(r.batch / middle, 2)},
          {"gflop", Value(static_cast<double>(plan.flops()) * 1e-9, 4)},
          {"gflop_per_second", Value(rate * 1e-9, 2)},
          {"peak_gflop_per_second", Value(peak * 1e-9, 2)},
          {"percent_of_peak", Value(100 * rate / peak, 2)},
          {"load_ms", Value(s.load_seconds * 1e3, 2)},
          {"planned_bytes", static_cast<int64_t>(memory_of(plan, !r.training).peak())},
          {"resident_bytes", static_cast<int64_t>(peak_resident())}};
}

std::string drawing(const Request& r, const Subject& s, const std::vector<double>& seconds, const Machine& machine) {
  std::vector<TimedStep> steps;
  for (const Step& step : s.program->plan().steps)
    steps.push_back({step.kernel, step.scope, seconds[steps.size()], step.flops, step.bytes});
  return draw_efficiency(
      steps, machine,
      fmt::format("{}, {}, {} x {}x{}, {} threads, {}", s.info.model, r.training ? "training step" : "prediction", r.batch,
                  s.info.card.height, s.info.card.width, r.common.threads, r.network.precision));
}

int run(std::span<const std::string> args) {
  Request r;
  if (!parse(args, r)) return 0;
  r.common.apply();
  Pool pool(r.common.threads);
  Subject s;
  prepare(r, pool, s);
  fill_inputs(*s.program);
  double peak = kernels::measure_peak(active_isa(), pool);
  std::vector<double> times = measure(r, *s.program);
  peak = std::max(peak, kernels::measure_peak(active_isa(), pool));  // the clock may have risen since
  Record totals = summary(r, s, times, peak);
  Format format = r.common.output();
  std::vector<Record> steps;
  const Plan& plan = s.program->plan();
  std::vector<double> seconds;
  if (r.layers || !r.drawing.empty()) seconds = step_times(*s.program);
  if (!r.drawing.empty()) write_file(r.drawing, drawing(r, s, seconds, {peak, kernels::measure_bandwidth(pool)}));
  if (r.layers) {
    steps.reserve(seconds.size());
    for (size_t i = 0; i < seconds.size(); i++) steps.push_back(step_row(plan, plan.steps[i], seconds[i], peak));
    if (format == Format::json) totals.emplace_back("layers", steps);
    if (format != Format::json) print(steps, format);
    if (format == Format::table) print("\n");
  }
  if (!r.layers || format == Format::table || format == Format::json) print(totals, format);
  return 0;
}

}  // namespace

FOVEA_VERB(bench, "measure the speed of a model", run)

}  // namespace fovea::cli
