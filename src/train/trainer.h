// The programs and the state of one training: what takes a batch and makes the weights a little better.
#pragma once
#include <functional>
#include <memory>

#include "run/program.h"
#include "train/memory.h"
#include "train/step.h"

namespace fovea {

// One (micro-)batch and where it stands in the training.
struct StepInput {
  const float* images;   // [n,height,width,channels]
  const float* targets;  // [n,classes]
  const std::vector<int>& labels;
  int64_t number;  // of this micro-batch, from the beginning
  int64_t update;  // updates made before
  double lr;
};
struct StepResult {
  double loss = 0, grad_norm = 0;  // of the (micro-)batch
  int64_t correct = 0;
};

class Trainer {
 public:
  // model: recorded at the size of a (micro-)batch. The pool must outlive the trainer. planned: told what it will take
  // before it takes it, and may throw.
  Trainer(
      const Graph& model, const StepOptions& options, uint64_t seed, Pool& pool,
      const std::function<void(const Memory&)>& planned = [](const Memory&) {});

  State& state() { return state_; }
  const std::vector<Param>& params() const { return params_; }  // all that the state holds
  void start_ema();                                             // averages begin at the present weights

  // Forward and backward; with accumulate == 1 the update too.
  StepResult step(const StepInput& in);
  // accumulate > 1: the update. Its grad_norm, of all micro-batches together.
  double apply(int64_t update, double lr);

  // The network as it predicts, with the present weights (averaged ones if there are), or with a file's.
  Program& evaluator();
  Program& evaluator(const std::string& weights);
  const Graph& model() const { return *model_; }  // whose parameters a weight file holds
  const Program& program() const { return *step_; }
  std::string prefix() const { return options_.optimizer.ema_decay > 0 ? "ema." : ""; }

  // After a step that was not sound, and so changed nothing: the layer of its first value that is not finite, or "".
  std::string first_bad_layer(const StepInput& in);

 private:
  Memory memory_of(std::span<const std::unique_ptr<Plan>> plans) const;
  void feed(Program& p, int64_t update, double lr);
  void feed(const StepInput& in);
  StepOptions options_;
  uint64_t key_;
  Pool& pool_;
  std::unique_ptr<Graph> model_;  // as it predicts, before it was planned
  State state_, eval_state_;
  std::vector<Param> params_;
  std::unique_ptr<Program> step_, apply_, eval_;
};

}  // namespace fovea
