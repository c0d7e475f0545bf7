#include "train/trainer.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "base/error.h"
#include "base/random.h"
#include "train/weights.h"

namespace fovea {
namespace {

int64_t count_correct(const float* logits, int classes, const std::vector<int>& labels) {
  int64_t r = 0;
  for (size_t i = 0; i < labels.size(); i++) {
    const float* row = logits + static_cast<int64_t>(i) * classes;
    r += labels[i] >= 0 && std::max_element(row, row + classes) - row == labels[i];
  }
  return r;
}

}  // namespace

Trainer::Trainer(const Graph& model, const StepOptions& options, uint64_t seed, Pool& pool,
                 const std::function<void(const Memory&)>& planned)
    : options_(options), key_(splitmix(seed ^ fnv1a("dropout"))), pool_(pool), model_(eval_graph(model)) {
  StepGraphs graphs = make_step(model, options);
  PlanOptions plan_options{.threads = pool.size()};
  std::unique_ptr<Plan> plans[3] = {make_plan(*graphs.step, plan_options),
                                    graphs.apply ? make_plan(*graphs.apply, plan_options) : nullptr,
                                    make_plan(*model_, plan_options)};
  std::set<std::string> met;  // step and apply share what they read
  for (const Graph* g : {graphs.step.get(), graphs.apply.get()})
    for (size_t i = 0; g && i < g->params().size(); i++)
      if (met.insert(g->params()[i].name).second) params_.push_back(g->params()[i]);
  planned(memory_of(plans));
  for (const Graph* g : {graphs.step.get(), graphs.apply.get()})
    if (g) state_.add(*g, seed, pool);
  start_ema();
  for (const Param& p : model_->params()) eval_state_.put(p.name, Array(p.type.shape));  // for evaluator() to fill
  step_ = std::make_unique<Program>(std::move(plans[0]), state_, pool);
  if (graphs.apply) apply_ = std::make_unique<Program>(std::move(plans[1]), state_, pool);
  eval_ = std::make_unique<Program>(std::move(plans[2]), eval_state_, pool);
}

Memory Trainer::memory_of(std::span<const std::unique_ptr<Plan>> plans) const {
  Memory m;
  for (const auto& plan : plans)
    if (plan)
      m.packed += static_cast<uint64_t>(plan->setup_floats), m.activations += static_cast<uint64_t>(plan->arena_floats);
  for (const Param& p : params_) m.weights += static_cast<uint64_t>(p.type.shape.numel());
  for (const Param& p : model_->params()) m.weights += static_cast<uint64_t>(p.type.shape.numel());  // the evaluator's copy
  for (uint64_t* floats : {&m.weights, &m.packed, &m.activations}) *floats *= sizeof(float);
  m.loading = m.weights + m.packed;
  return m;
}

void Trainer::start_ema() {
  for (const Param& p : params_)
    if (p.name.starts_with("ema.")) {
      const Array& from = state_.at(p.name.substr(4));
      std::copy_n(from.data(), from.size(), state_.at(p.name).data());
    }
}

void Trainer::feed(Program& p, int64_t update, double lr) {
  for (auto& [name, value] : optimizer_feeds(options_.optimizer, update, lr))
    if (p.has_input(name)) *p.input(name) = value;
}

void Trainer::feed(const StepInput& in) {
  Program& p = *step_;
  for (const NamedRef& i : p.plan().inputs) {
    if (i.name == "image") std::copy_n(in.images, i.type.shape.numel(), p.input("image"));
    if (i.name == "target") std::copy_n(in.targets, i.type.shape.numel(), p.input("target"));
    if (i.name != "key") continue;
    uint64_t key = splitmix(key_ + static_cast<uint64_t>(in.number));
    std::memcpy(p.input("key"), &key, sizeof key);
  }
  feed(p, in.update, in.lr);
}

StepResult Trainer::step(const StepInput& in) {
  feed(in);
  step_->run();
  StepResult r{.loss = static_cast<double>(*step_->output("loss")),
               .grad_norm = static_cast<double>(*step_->output("grad_norm"))};
  r.correct = count_correct(step_->output("logits"), step_->output_shape("logits")[1], in.labels);
  return r;
}

double Trainer::apply(int64_t update, double lr) {
  FOVEA_CHECK(apply_ != nullptr);
  feed(*apply_, update, lr);
  apply_->run();
  return static_cast<double>(*apply_->output("grad_norm"));
}

Program& Trainer::evaluator() {
  for (auto& [name, array] : eval_state_.arrays()) {
    const Array& from = state_.at(prefix() + name);
    std::copy_n(from.data(), from.size(), array.data());
  }
  eval_->refresh();
  return *eval_;
}

Program& Trainer::evaluator(const std::string& weights) {
  load_weights(eval_state_, *model_, *TensorFile::open(weights), weights);
  eval_->refresh();
  return *eval_;
}

std::string Trainer::first_bad_layer(const StepInput& in) {
  feed(in);
  int at = step_->first_non_finite();
  if (at < 0) return "";
  const Step& s = step_->plan().steps[static_cast<size_t>(at)];
  return s.scope.empty() ? s.kernel : s.scope;
}

}  // namespace fovea
