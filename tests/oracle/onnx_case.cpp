// onnx_case FOLDER MODEL...: for each model a FOLDER/MODEL.onnx, MODEL.inputs and MODEL.logits (32-bit floats, as the ONNX
// model takes and gives them): what tools/verify_onnx holds other engines against. Weights and pictures are filled by
// hashfill. Without models: the same for every case of every operator, by the reference interpreter.
#include <fmt/core.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "io/fixture.h"
#include "io/onnx/onnx.h"
#include "models/registry.h"
#include "ops/registry.h"
#include "run/freeze.h"
#include "run/interpret.h"
#include "run/program.h"
#include "train/step.h"

namespace fovea {
namespace {

constexpr int kBatch = 2;

using Floats = std::vector<float>;

void write_floats(const std::string& path, const Floats& v) {
  write_file(path, {reinterpret_cast<const char*>(v.data()), v.size() * sizeof(float)});
}

Floats numbers(const std::string& name, int64_t count, double lo, double hi) {
  Floats r;
  for (int64_t i = 0; i < count; i++)
    r.push_back(static_cast<float>(lo + (hi - lo) * (hash_unit(name, static_cast<uint64_t>(i)) + 1) / 2));
  return r;
}

// [n,h,w,c] as [n,c,h,w]; other ranks stay.
Floats channels_first(const Floats& v, const Shape& s) {
  if (s.rank != 4) return v;
  Floats r;
  for (int n = 0; n < s[0]; n++)
    for (int c = 0; c < s[3]; c++)
      for (int p = 0; p < s[1] * s[2]; p++) r.push_back(v[(static_cast<size_t>(n * s[1] * s[2]) + p) * s[3] + c]);
  return r;
}

State filled(const Graph& g) {
  State state;
  for (const Param& p : g.params()) {
    Shape s = p.file_shape();
    std::vector<int64_t> dims(s.begin(), s.end());
    from_file_order(p, hashfill(p.name, dims).data(), state.put(p.name, Array(p.type.shape)).data());
  }
  return state;
}

void write_model(const std::string& folder, const std::string& model, Pool& pool) {
  const std::string path = folder + "/" + model;
  std::unique_ptr<Graph> graph = eval_graph(*build_model(find_model(model), kBatch));
  State state = filled(*graph);
  const Shape shape = graph->node(graph->inputs()[0].second).type.shape;
  Floats image = numbers("input", shape.numel(), -1, 1);
  write_floats(path + ".inputs", channels_first(image, shape));
  {
    Program program(make_plan(*graph, {.threads = pool.size()}), state, pool);
    std::copy(image.begin(), image.end(), program.input("image"));
    program.run();
    const float* y = program.output("logits");
    write_floats(path + ".logits", {y, y + program.output_shape("logits").numel()});
  }
  std::unique_ptr<Graph> frozen = freeze(*graph, state, pool);
  OnnxModel onnx = to_onnx(*frozen, [&](const std::string& param) { return state.at(param).data(); });
  write_file(path + ".onnx", onnx.head + onnx.nodes + onnx.weights);
}

void write_operator(const std::string& folder, const Op& op, const Case& c) {
  const std::string path = fmt::format("{}/{}.{}", folder, op.name, c.name);
  Graph g;
  std::vector<Tensor> in;
  Values given;
  Floats inputs;
  for (const Shape& s : c.inputs) {
    in.push_back(g.input("x" + std::to_string(in.size()), {s}));
    Floats v = numbers(g.inputs().back().first, s.numel(), c.lo, c.hi), as_onnx = channels_first(v, s);
    given[in.back().id] = {v.begin(), v.end()};
    inputs.insert(inputs.end(), as_onnx.begin(), as_onnx.end());
  }
  Tensor y = c.build(in);
  g.output("logits", y);
  OnnxModel onnx = to_onnx(g, {});
  std::vector<double> want = interpret(g, given, {y.id})[y.id];
  write_floats(path + ".inputs", inputs);
  write_floats(path + ".logits", {want.begin(), want.end()});
  write_file(path + ".onnx", onnx.head + onnx.nodes + onnx.weights);
}

// What fails is told in one line; the others go on.
template <class F>
void attempt(const std::string& name, F write) {
  try {
    write();
  } catch (const Error& e) { fmt::print(stderr, "{}: {}\n", name, e.what()); }
}

}  // namespace
}  // namespace fovea

int main(int argc, char** argv) {
  fovea::Pool pool(2);
  const std::string folder = argc > 1 ? argv[1] : ".";
  for (int i = 2; i < argc; i++) fovea::attempt(argv[i], [&] { fovea::write_model(folder, argv[i], pool); });
  if (argc == 2)
    for (const fovea::Op* op : fovea::all_ops())
      for (const fovea::Case& c : op->cases())
        fovea::attempt(fmt::format("{}.{}", op->name, c.name), [&] { fovea::write_operator(folder, *op, c); });
}
