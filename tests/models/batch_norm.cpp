// Batch norm of vectors, pictures and volumes, by one process and by several, against PyTorch's in double:
// tools/golden_batch_norm.py.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "base/job.h"
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
  explicit Layer(const Shape& shape, int processes = 1) {
    Graph g;
    g.output("y", batch_norm(Scope(g)["bn"], g.input("x", {shape})));
    predict = inference(g);
    train = training(g, processes);
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

std::vector<double> widened(const float* p, int64_t n) { return {p, p + n}; }

// job: by a process of it, which has its share of the batch; gradients of parameters are the sums of all.
Golden run(Shape shape, const PlanOptions& options, Job* job = nullptr) {
  const int processes = job ? job->count() : 1, rank = job ? job->rank() : 0;
  shape[0] /= processes;
  const int64_t n = shape.numel(), c = shape[-1];
  Layer layer(shape, processes);
  State state;
  Pool pool(options.threads);
  state.add(*layer.train, 1, pool);
  for (const Param& p : layer.train->params()) std::ranges::copy(start(p), state.at(p.name).data());
  Program train(make_plan(*layer.train, options), state, pool, false, job);
  auto feed = [&](Program& p, const char* input, const char* name) {
    std::copy_n(units(name, n * processes).data() + n * rank, n, p.input(input));
  };
  for (const char* name : {"input.0", "input.1"}) feed(train, "x", name), feed(train, "seed", "seed"), train.run();
  Program predict(make_plan(*layer.predict, options), state, pool);
  feed(predict, "x", "input.1"), predict.run();
  auto summed = [&](const char* gradient) {
    std::vector<float> r(train.output(gradient), train.output(gradient) + c);
    if (job) job->sum(r.data(), r.data(), c, 0);
    return widened(r);
  };
  Golden r{.shape = shape, .y = widened(train.output("y"), n), .dx = widened(train.output("dx"), n)};
  r.dweight = summed("dweight"), r.dbias = summed("dbias");
  r.mean = widened(state.at("bn.running_mean").data(), c), r.var = widened(state.at("bn.running_var").data(), c);
  r.predicted = widened(predict.output("y"), n);
  return r;
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

// What a process has of it.
Golden share_of(Golden whole, const Job& job) {
  for (auto* v : {&whole.y, &whole.dx, &whole.predicted}) {
    const auto n = static_cast<std::ptrdiff_t>(v->size()) / job.count(), begin = n * job.rank();
    *v = {v->begin() + begin, v->begin() + begin + n};
  }
  return whole;
}

// What each process holds, one after the other.
std::vector<float> gathered(const std::vector<double>& mine, Job& job) {
  std::vector<float> r(mine.size() * static_cast<size_t>(job.count()));
  std::copy(mine.begin(), mine.end(), r.begin() + static_cast<std::ptrdiff_t>(mine.size()) * job.rank());
  job.sum(r.data(), r.data(), static_cast<int64_t>(r.size()), 0);
  return r;
}

TEST(BatchNorm, ProcessesThatShareABatchHaveItsStatistics) {
  for (const Golden& whole : golden)
    run_job(whole.shape[0], [&](Job& job) {  // a row, picture or volume each
      SCOPED_TRACE(whole.shape.str());
      Golden mine = run(whole.shape, {.threads = 2}, &job);
      expect_close(mine, share_of(whole, job), 2e-6);
      for (const auto& statistic : {mine.mean, mine.var}) {
        std::vector<float> all = gathered(statistic, job);
        for (size_t i = 0; i < all.size(); i++)
          EXPECT_EQ(static_cast<double>(all[i]), statistic[i % statistic.size()]) << "other bits elsewhere";
      }
      if (HasFailure()) fail(Code::mismatch, "process {}: see above", job.rank());
    });
}

TEST(BatchNorm, AGraphForOtherProcessesIsRefused) {
  try {
    run_job(2, [](Job& job) {
      Layer layer({4, 3}, 3);
      State state;
      state.add(*layer.train, 1);
      Pool pool(1);
      Program(make_plan(*layer.train, {}), state, pool, false, &job).run();
    });
    ADD_FAILURE() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::usage);
    EXPECT_STREQ(e.what(), "a graph for 3 processes in a job of 2");
  }
}

}  // namespace
}  // namespace fovea
