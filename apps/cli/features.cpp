// fovea features: what goes into the layers of a network.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "_network.h"
#include "_progress.h"
#include "base/error.h"
#include "base/text.h"
#include "data/loader.h"
#include "passes/inference.h"
#include "train/features.h"

namespace fovea::cli {
namespace {

struct Request {
  NetworkFlags network;
  std::string data, split = "test", layers = "*";
  int images = 256;
  Common common;
};

bool parse(std::span<const std::string> args, Request& r) {
  Flags o("features MODEL [--weights FILE] --data SPEC",
          "Runs a network on pictures and tells, of what goes into each convolution and matrix product: mean, standard\n"
          "deviation, share of zeros, and how different its channels are: the mean of (1 - cosine) / 2 over their pairs.");
  r.network.add(o);
  o.section("Data");
  o.text("--data", "SPEC", r.data, "pictures, as for fovea val");
  o.choice("--split", {"train", "val", "test"}, r.split, "which part of them; default: test, or val where there is no test");
  o.number("--images", r.images, 1, 1000000, "how many, the first ones; default: 256");
  o.text("--layers", "GLOB", r.layers, "which layers; default: all");
  r.network.add_card(o);
  r.common.add_format(o);
  r.common.add_running(o);
  if (!o.parse(args)) return false;
  if (r.data.empty()) fail(Code::usage, "features: --data is missing, need {}", kDataKinds);
  return true;
}

struct Watched {
  std::string layer, output;
  Shape shape;
  double sum = 0, squares = 0, zeros = 0, values = 0, distance = 0;

  void add(const float* x, int64_t size) {  // of one picture
    for (int64_t i = 0; i < size; i++) {
      double v = static_cast<double>(x[i]);
      sum += v, squares += v * v, zeros += v == 0;
    }
    values += static_cast<double>(size);
    distance += feature_distance(x, size / shape[-1], shape[-1]);
  }
};

// Makes the data input of every layer that multiplies by a parameter an output of the graph.
std::vector<Watched> watch(Graph& g, const std::string& layers) {
  std::vector<Watched> r;
  for (int id = 0, size = g.size(); id < size; id++) {
    const std::string& name = g.scope_name(g.node(id).scope);
    if (node_macs(g, id) == 0 || g.param_of(g.node(id).inputs[0]) || !glob_match(layers, name)) continue;
    Tensor x = g.at(g.node(id).inputs[0]);
    r.push_back({.layer = name, .output = "into." + std::to_string(id), .shape = x.shape()});
    g.output(r.back().output, x);
  }
  if (r.empty()) fail(Code::usage, "--layers {}: the network has no such layer, see fovea inspect", layers);
  return r;
}

int64_t run_pictures(Program& p, const Dataset& data, const Card& card, const Request& r, uint64_t memory,
                     std::vector<Watched>& watched) {
  Loader loader(data, card, {}, {.batch = p.output_shape("logits")[0], .train = false, .memory = memory});
  ProgressLine progress("features", "pictures");
  int64_t done = 0, total = std::min<int64_t>(r.images, data.size());
  loader.start(0);
  for (const Batch* b; done < total && (b = loader.next());) {
    std::copy_n(b->images, int64_t{b->n} * card.height * card.width * card.channels, p.input("image"));
    p.run();
    for (int i = 0; i < b->n && done < total; i++) {
      if (b->labels[static_cast<size_t>(i)] < 0) continue;
      done++;
      for (Watched& w : watched) {
        int64_t size = w.shape.numel() / p.output_shape("logits")[0];
        w.add(p.output(w.output) + i * size, size);
      }
    }
    progress.update(done, total);
  }
  if (done == 0) fail(Code::bad_file, "{}: none of its pictures can be read", data.spec);
  return done;
}

Record row(const Watched& w, double pictures) {
  double mean = w.sum / w.values;
  return {{"layer", w.layer},
          {"input", Value::list(w.shape)},
          {"mean", Value(mean, 5)},
          {"std", Value(std::sqrt(std::max(w.squares / w.values - mean * mean, 0.0)), 5)},
          {"zeros", Value(w.zeros / w.values, 4)},
          {"distance", Value(w.distance / pictures, 5)}};
}

int run(std::span<const std::string> args) {
  Request r;
  if (!parse(args, r)) return 0;
  r.common.apply();
  NetworkFile file = r.network.open(true);
  ModelInfo info = r.network.identify(file);
  Dataset data = open_dataset(r.data, r.split, {.allow_empty = true, .classes = info.classes});
  const Model& model = find_model(info.model);  // not folded: a layer with a folded scale would lose its name
  int batch = static_cast<int>(std::clamp<int64_t>(data.size(), 1, 32));
  std::unique_ptr<Graph> graph = inference(*build_model(model, batch, info.options));
  std::vector<Watched> watched = watch(*graph, r.layers);
  std::unique_ptr<Plan> plan = make_plan(*graph, r.network.plan(r.common.threads));
  Memory memory = memory_of(*plan);
  check_memory(memory, r.common.mem_limit, info.model, "Use a smaller --image-size, or raise --mem-limit");
  State state;
  state.add(*graph, 0);
  load_weights(state, *graph, *file.file, file.path, {.renames = model.renames});
  Pool pool(r.common.threads);
  Program program(std::move(plan), state, pool);
  int64_t pictures = run_pictures(program, data, info.card, r, memory.left_of(r.common.mem_limit), watched);
  std::vector<Record> rows;
  double distance = 0;
  for (const Watched& w : watched) {
    rows.push_back(row(w, static_cast<double>(pictures)));
    distance += w.distance / static_cast<double>(pictures) / static_cast<double>(watched.size());
  }
  Record whole{{"model", info.model}, {"pictures", pictures}, {"distance", Value(distance, 5)}, {"layers", rows}};
  if (r.common.output() == Format::json) return print(whole, Format::json), 0;
  print(rows, r.common.output());
  return 0;
}

}  // namespace

FOVEA_VERB(features, "tell what goes into the layers of a network", run)

}  // namespace fovea::cli
