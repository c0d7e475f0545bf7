// fovea export: a model for other engines.
#include <fmt/format.h>

#include <filesystem>

#include "_network.h"
#include "base/atomic_file.h"
#include "base/error.h"
#include "base/text.h"
#include "io/onnx/onnx.h"
#include "ir/rewrite.h"
#include "ops/layout.h"
#include "run/freeze.h"
#include "train/step.h"

namespace fovea::cli {
namespace {

struct Request {
  NetworkFlags network;
  PartFlags part;
  std::string output;
  int batch = 1;
  Common common;
};

bool parse(std::span<const std::string> args, Request& r) {
  Flags o(
      "export MODEL -o FILE.onnx",
      "Writes a model as ONNX (operator set 17), ready to predict: norms folded into convolutions, no dropout. Its input\n"
      "\"image\" is [batch,channels,height,width], normalised as the card says; its output \"logits\" [batch,classes], or\n"
      "maps [batch,channels,height,width] by the names that fovea inspect --features lists.\n"
      "MODEL is an architecture, a weight file that fovea wrote, or a network within this program. Without weights\n"
      "they are random: enough to measure other engines.");
  r.network.add(o);
  o.section("What to write");
  o.text("--output,-o", "FILE", r.output, "the ONNX file");
  r.part.add(o);
  o.number("--batch", r.batch, 1, 4096, "pictures at once; default: 1");
  o.number("--image-size", r.network.card.image_size, 1, 8192, "side of the pictures; default: the card's");
  r.common.add_running(o);
  r.common.add_format(o);
  return o.parse(args);
}

// Before anything large is made: the weights as they are, folded, and in the file.
void check_room(const Request& r, const ModelInfo& info, const Graph& graph) {
  double bytes = 0;
  for (const Param& p : graph.params()) bytes += 4.0 * static_cast<double>(p.type.shape.numel());
  if (bytes >= kLargestOnnx)
    fail(Code::unsupported, "{}: its weights take {}, an ONNX file holds at most 2 GiB", info.model, human_bytes(bytes));
  if (3 * bytes > static_cast<double>(r.common.mem_limit))
    fail(Code::resources, "{}: needs {} of memory, the limit is {}. Raise --mem-limit", info.model, human_bytes(3 * bytes),
         human_bytes(static_cast<double>(r.common.mem_limit)));
}

// With maps as other engines have them, [n,c,h,w].
std::unique_ptr<Graph> channels_first(Graph& g) {
  std::vector<std::pair<std::string, int>> values;
  for (auto [name, id] : g.outputs()) {
    Tensor t = g.at(id);
    values.emplace_back(name, (t.rank() == 4 ? transpose(t, {0, 3, 1, 2}) : t).id);
  }
  return extract(g, values);
}

struct Converted {
  OnnxModel model;
  std::string outputs;
};
Converted convert(const Request& r, const ModelInfo& info, const NetworkFile& file) {
  Pool pool(r.common.threads);
  State state;
  std::unique_ptr<Graph> graph = build_model(find_model(info.model), r.batch, info.options);
  check_room(r, info, *graph);
  state.add(*graph, 0);
  if (file.file)
    load_weights(state, *graph, *file.file, file.path, {.renames = find_model(info.model).renames});
  else
    note("no weights were given: they are random");
  std::unique_ptr<Graph> part = r.part.of(std::move(graph));
  if (r.part.features) part = channels_first(*part);
  std::unique_ptr<Graph> frozen = freeze(*eval_graph(*part), state, pool);
  std::vector<std::string> outputs;
  for (auto& [name, id] : frozen->outputs()) outputs.push_back(name + " " + frozen->node(id).type.shape.str());
  Metadata metadata;
  describe(info, metadata);
  OnnxModel model = to_onnx(
      *frozen, [&](const std::string& param) { return state.at(param).data(); }, metadata);
  return {std::move(model), fmt::format("{}", fmt::join(outputs, ", "))};
}

int run(std::span<const std::string> args) {
  Request r;
  if (!parse(args, r)) return 0;
  if (r.output.empty()) fail(Code::usage, "export: the file to write is missing. Give --output FILE.onnx");
  r.common.apply();
  for (const char* weights : {".safetensors", ".pth", ".pt", ".th"})
    if (r.output.ends_with(weights)) fail(Code::usage, "--output: {} is a weight file's name, need one of ONNX's", r.output);
  if (r.network.precision != "f32") fail(Code::usage, "export: writes f32. Leave --precision away");
  NetworkFile file = r.network.open(false);
  ModelInfo info = r.network.identify(file);
  std::error_code none;
  if (std::filesystem::equivalent(r.output, file.path, none))
    fail(Code::usage, "--output: {} is the weight file, which would be lost", r.output);
  AtomicFile out(r.output);  // whether it can be written is told before the work
  auto [model, outputs] = convert(r, info, file);
  out.reserve(static_cast<uint64_t>(model.bytes()));
  for (const std::string& part : {std::cref(model.head), std::cref(model.nodes), std::cref(model.weights)}) out.write(part);
  out.commit();
  print({{"file", r.output},
         {"model", info.model},
         {"input", Shape{r.batch, info.card.channels, info.card.height, info.card.width}.str()},
         {"outputs", outputs},
         {"operators", model.operators},
         {"bytes", model.bytes()}},
        r.common.output());
  return 0;
}

}  // namespace

FOVEA_VERB(export, "write a model as ONNX", run)

}  // namespace fovea::cli
