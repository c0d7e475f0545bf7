// Batch norm of vectors, pictures and volumes against PyTorch's in double: tools/golden_batch_norm.py.
#include <gtest/gtest.h>

#include <algorithm>

#include "io/fixture.h"
#include "nn/layers.h"
#include "passes/grad.h"
#include "passes/inference.h"
#include "passes/training.h"
#include "run/interpret.h"
#include "run/program.h"

namespace fovea {
namespace {

// Of the second of two steps of training; the statistics after both, and what they predict.
struct Golden {
  Shape shape;
  std::vector<double> y, dx, dweight, dbias, mean, var, predicted;
};
const Golden golden[] = {
#include "golden_batch_norm.inc"
};

std::vector<float> units(const std::string& name, int64_t n) {
  std::vector<float> r;
  for (int64_t i = 0; i < n; i++) r.push_back(static_cast<float>(hash_unit(name, static_cast<uint64_t>(i))));
  return r;
}
std::vector<float> start(const Param& p) { return hashfill(p.name, std::vector<int64_t>{p.type.shape[0]}); }
std::vector<double> widened(const std::vector<float>& v) { return {v.begin(), v.end()}; }

struct Layer {
  explicit Layer(const Shape& shape) {
    Graph g;
    g.output("y", batch_norm(Scope(g)["bn"], g.input("x", {shape})));
    predict = inference(g);
    train = training(g);
    Tensor y = train->output_tensor("y");
    std::vector<Tensor> of{train->at(train->inputs()[0].second), train->param_tensor("bn.weight"),
                           train->param_tensor("bn.bias")};
    std::vector<Tensor> d = grad(y, of, train->input("seed", y.type()));
    for (size_t i = 0; i < 3; i++) train->output(gradients[i], d[i]);
  }
  static constexpr const char* gradients[] = {"dx", "dweight", "dbias"};
  std::unique_ptr<Graph> train, predict;
};

void expect_close(const Golden& got, const Golden& need, double tolerance) {
  auto close = [&](const char* what, const std::vector<double>& a, const std::vector<double>& b) {
    ASSERT_EQ(a.size(), b.size()) << what;
    for (size_t i = 0; i < a.size(); i++) EXPECT_NEAR(a[i], b[i], tolerance) << what << "[" << i << "]";
  };
  close("y", got.y, need.y);
  close("dx", got.dx, need.dx);
  close("dweight", got.dweight, need.dweight);
  close("dbias", got.dbias, need.dbias);
  close("running mean", got.mean, need.mean);
  close("running variance", got.var, need.var);
  close("predicted", got.predicted, need.predicted);
}

Golden interpreted(const Shape& shape) {
  Layer layer(shape);
  Graph& g = *layer.train;
  Values given;
  for (const Param& p : g.params()) given[p.node] = widened(start(p));
  auto value = [&](Tensor t) { return interpret(g, given, {t.id})[t.id]; };
  auto feed = [&](const char* input) {
    given[g.inputs()[0].second] = widened(units(input, shape.numel()));
    given[g.inputs()[1].second] = widened(units("seed", shape.numel()));
  };
  auto update = [&] {
    Values now = given;
    for (auto& [name, id] : g.updates()) now[g.find_param(name)->node] = value(g.at(id));
    given = now;
  };
  feed("input.0"), update(), feed("input.1");
  Golden r{.shape = shape, .y = value(g.output_tensor("y")), .dx = value(g.output_tensor("dx"))};
  r.dweight = value(g.output_tensor("dweight")), r.dbias = value(g.output_tensor("dbias"));
  update();
  r.mean = given[g.find_param("bn.running_mean")->node], r.var = given[g.find_param("bn.running_var")->node];
  Values at{{layer.predict->inputs()[0].second, given[g.inputs()[0].second]}};
  for (const Param& p : layer.predict->params()) at[p.node] = given[g.find_param(p.name)->node];
  int y = layer.predict->output_tensor("y").id;
  r.predicted = interpret(*layer.predict, at, {y})[y];
  return r;
}

Golden run(const Shape& shape, const PlanOptions& options) {
  Layer layer(shape);
  State state;
  Pool pool(options.threads);
  state.add(*layer.train, 1, pool);
  for (const Param& p : layer.train->params()) std::ranges::copy(start(p), state.at(p.name).data());
  Program train(make_plan(*layer.train, options), state, pool);
  for (const char* input : {"input.0", "input.1"}) {
    std::ranges::copy(units(input, shape.numel()), train.input("x"));
    std::ranges::copy(units("seed", shape.numel()), train.input("seed"));
    train.run();
  }
  auto output = [](Program& p, const char* name) {
    return std::vector<double>(p.output(name), p.output(name) + p.output_shape(name).numel());
  };
  auto held = [&](const char* name) {
    return std::vector<double>(state.at(name).data(), state.at(name).data() + state.at(name).size());
  };
  Program predict(make_plan(*layer.predict, options), state, pool);
  std::ranges::copy(units("input.1", shape.numel()), predict.input("x"));
  predict.run();
  return {shape,
          output(train, "y"),
          output(train, "dx"),
          output(train, "dweight"),
          output(train, "dbias"),
          held("bn.running_mean"),
          held("bn.running_var"),
          output(predict, "y")};
}

TEST(BatchNorm, VectorsPicturesAndVolumesAsPyTorchHasThem) {
  for (const Golden& need : golden) {
    SCOPED_TRACE(need.shape.str());
    expect_close(interpreted(need.shape), need, 1e-7);  // momentum, 1 / n and the like are floats
    for (Isa isa : {Isa::portable, Isa::avx2, Isa::avx512})
      if (isa <= detected_isa()) expect_close(run(need.shape, {.threads = 2, .isa = isa}), need, 2e-6);
    expect_close(run(need.shape, {.threads = 1, .fuse = false}), need, 2e-6);
  }
}

}  // namespace
}  // namespace fovea
