// fovea inspect: what is in a model, what is in a weight file.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "_drawing.h"
#include "_network.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/text.h"
#include "passes/pass.h"
#include "passes/taps.h"
#include "train/step.h"

namespace fovea::cli {
namespace {

struct Request {
  NetworkFlags network;
  PartFlags part;
  std::string svg, passes;
  int batch = 1;
  bool tensors = false;
  Common common;
};

bool parse(std::span<const std::string> args, Request& r) {
  Flags o("inspect MODEL|FILE",
          "Lists the layers of a model: operators, output shape, parameters, multiply-accumulates; and the memory that\n"
          "running it takes. With --features: the maps that others may build on. Of a weight file: its tensors and what it "
          "says about itself.");
  r.network.add(o);
  o.section("What to show");
  std::string names;
  for (const Pass* p : all_passes()) names += fmt::format("{}{}", names.empty() ? "" : ", ", p->name);
  r.part.add(o);
  o.text("--pass", "A,B", r.passes, "passes that rewrite the model first: " + names);
  o.text("--svg", "FILE", r.svg, "draw the graph");
  o.flag("--tensors", r.tensors, "the tensors of the weight file, though it says which model it is for");
  o.number("--batch", r.batch, 1, 4096, "pictures at once, for shapes and memory; default: 1");
  r.network.add_card(o);
  r.common.add_format(o);
  r.common.add_running(o);
  return o.parse(args);
}

std::string dims_text(const std::vector<int64_t>& d) {
  std::string out;
  for (int64_t v : d) out += (out.empty() ? "" : "x") + std::to_string(v);
  return out.empty() ? "scalar" : out;
}

struct Numbers {
  double sum = 0, squares = 0, low = INFINITY, high = -INFINITY;
  int64_t bad = 0;  // not finite
};

Numbers numbers_of(const TensorFile& file, const TensorEntry& t) {
  std::vector<float> values(static_cast<size_t>(t.count()));
  file.read(t, values.data());
  Numbers r;
  for (float v : values) {
    if (!std::isfinite(v)) {
      r.bad++;
      continue;
    }
    double d = static_cast<double>(v);
    r.sum += d, r.squares += d * d, r.low = std::min(r.low, d), r.high = std::max(r.high, d);
  }
  return r;
}

Record tensor_row(const TensorEntry& t, const Numbers& all) {
  double n = static_cast<double>(std::max<int64_t>(t.count() - all.bad, 1)), mean = all.sum / n;
  bool any = t.count() > all.bad;
  return {{"tensor", t.name},
          {"type", file_type_name(t.type)},
          {"shape", dims_text(t.shape)},
          {"count", t.count()},
          {"mean", Value(mean, 5)},
          {"std", Value(std::sqrt(std::max(all.squares / n - mean * mean, 0.0)), 5)},
          {"min", Value(any ? all.low : 0, 5)},
          {"max", Value(any ? all.high : 0, 5)},
          {"not_finite", all.bad}};
}

void show_file(const NetworkFile& f, Format format) {
  const std::vector<TensorEntry>& tensors = f.file->tensors();
  std::vector<Numbers> numbers;
  int64_t count = 0, bad = 0;
  for (const TensorEntry& t : tensors) {
    numbers.push_back(numbers_of(*f.file, t));
    count += t.count(), bad += numbers.back().bad;
  }
  const Rows rows(tensors.size(), [&](size_t i) { return tensor_row(tensors[i], numbers[i]); });
  Record metadata;
  for (auto& [key, value] : f.file->metadata()) metadata.emplace_back(key, value);
  Record whole{{"file", f.path},  {"format", f.file->format()}, {"tensors", static_cast<int64_t>(tensors.size())},
               {"values", count}, {"not_finite", bad},          {"metadata", metadata}};
  if (!f.file->note().empty()) note(f.file->note());
  if (bad) note(fmt::format("{}: {} values are not finite", f.path, bad));
  if (format == Format::json) whole.emplace_back("tensor_list", rows);
  if (format == Format::json) return print(whole, format);
  print(rows, format);
  if (format != Format::table) return;
  print("\n");
  print(whole, format);
  for (auto& [key, value] : f.file->metadata())
    print(fmt::format("{}: {}\n", printable(key), cut(escape_control(value), 2000)));
}

Record layer_row(const Layer& l) {
  return {{"layer", l.scope},
          {"operators", fmt::format("{}", fmt::join(l.ops, ", "))},
          {"output", Value::list({l.out.begin(), l.out.end()})},
          {"params", l.params},
          {"macs", l.macs}};
}

Record feature_row(const Graph& g, const Feature& f) {
  const Shape& s = g.node(f.node).type.shape;
  return {{"feature", f.name}, {"stride", f.stride}, {"channels", f.channels}, {"output", Value::list(s)}};
}

Record totals(const ModelInfo& info, int classes, const Plan& plan, const std::vector<Layer>& layers, int batch) {
  int64_t params = 0, macs = 0;
  for (const Layer& l : layers) params += l.params, macs += l.macs;
  Memory m = memory_of(plan);
  auto bytes = [](const char* name, uint64_t b) {
    Value v(static_cast<int64_t>(b));
    v.table = human_bytes(static_cast<double>(b));
    return std::pair<std::string, Value>(name, v);
  };
  const Card& c = info.card;
  return {{"model", info.model},
          {"input", Value::list(Shape{batch, c.height, c.width, c.channels})},
          {"classes", classes},
          {"params", params},
          {"macs", macs},
          {"steps", static_cast<int64_t>(plan.steps.size())},
          bytes("weights_bytes", m.weights),
          bytes("packed_bytes", m.packed),
          bytes("activations_bytes", m.activations),
          bytes("peak_bytes", m.peak())};
}

std::unique_ptr<Graph> rewritten(std::unique_ptr<Graph> graph, const std::string& passes) {
  std::vector<std::string> known;
  for (const Pass* p : all_passes()) known.emplace_back(p->name);
  for (const std::string& name : split(passes, ',')) {
    auto at = std::find(known.begin(), known.end(), name);
    if (at == known.end())
      fail(Code::usage, "--pass: got \"{}\", need {}{}", escape_control(name.substr(0, 60)), fmt::join(known, ", "),
           suggestion(name, known));
    const Pass& pass = *all_passes()[static_cast<size_t>(at - known.begin())];
    note(fmt::format("{}: {}", pass.name, pass.what));
    graph = pass.apply(*graph);
  }
  return graph;
}

void show_model(const Request& r, const ModelInfo& info) {
  std::unique_ptr<Graph> graph = r.part.of(build_model(find_model(info.model), r.batch, info.options));
  if (!r.passes.empty()) graph = rewritten(std::move(graph), r.passes);
  std::vector<Layer> layers = layers_of(*graph);
  const PlanOptions options = r.network.plan(r.common.threads);
  std::unique_ptr<Plan> plan = make_plan(r.passes.empty() ? *eval_graph(*graph) : *graph, options);
  const bool whole = !r.part.features && !r.part.no_head;
  Record sums = totals(info, whole ? info.options.classes : 0, *plan, layers, r.batch);
  if (!r.svg.empty()) {
    write_file(r.svg, draw_network(layers, info.model,
                                   fmt::format("{} parameters, {} multiply-accumulates, input {}", sums[3].second.table,
                                               sums[4].second.table, sums[1].second.table)));
    note("wrote " + r.svg);
  }
  std::vector<Record> rows;
  if (r.part.features)
    for (const Feature& f : feature_info(*graph)) rows.push_back(feature_row(*graph, f));
  else
    for (const Layer& l : layers) rows.push_back(layer_row(l));
  Format format = r.common.output();
  if (format == Format::json) {
    sums.emplace_back(r.part.features ? "features" : "layers", rows);
    return print(sums, format);
  }
  print(rows, format);
  if (format != Format::table) return;
  print("\n");
  print(sums, format);
}

int run(std::span<const std::string> args) {
  Request r;
  if (!parse(args, r)) return 0;
  r.common.apply();
  NetworkFile file = r.network.open(false);
  bool named = !r.network.weights.empty() || !file.file;  // MODEL is an architecture
  bool tells = file.file && model_info(*file.file, file.path).has_value();
  if (file.file && (r.tensors || (!named && !tells)))
    show_file(file, r.common.output());
  else
    show_model(r, r.network.identify(file));
  return 0;
}

}  // namespace

FOVEA_VERB(inspect, "list the layers and the memory of a model, the tensors of a file", run)

}  // namespace fovea::cli
