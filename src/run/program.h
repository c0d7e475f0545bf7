// A plan with its memory: what runs.
//
//   State state;  state.add(*graph, seed);
//   Program p(make_plan(*graph, options), state, pool);
//   copy(picture, p.input("image"));  p.run();  read(p.output("logits"));
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "run/state.h"

namespace fovea {

class Program {
 public:
  // pool: at most as many threads as planned for. The state must outlive the program, which reads parameters where they are
  // and writes updates there. Weights that only the setup needs (folded, packed) are freed from the state if consume is set.
  // job: of processes that all run this graph, planned with the same options; null: alone.
  Program(std::unique_ptr<Plan> plan, State& state, Pool& pool, bool consume = false, Job* job = nullptr);
  ~Program();

  float* input(const std::string& name);  // to be filled before every run; bug error if absent
  bool has_input(const std::string& name) const;
  const float* output(const std::string& name) const;  // valid until the next run
  const Shape& output_shape(const std::string& name) const;
  void run();
  // Folded and packed weights anew, after the state changed (a program of inference beside a training one).
  void refresh();

  const Plan& plan() const { return *plan_; }
  // Seconds of every step of one more run.
  std::vector<double> profile();
  // The first step (in order) whose output holds a value that is not finite, or -1; runs the program again step by step.
  int first_non_finite();

 private:
  void execute(const Step& s);
  template <class F>
  void run_steps(F after_each);
  float* at(Ref r);
  void run_setup();
  std::unique_ptr<Plan> plan_;
  State& state_;
  Pool& pool_;
  Job* job_;
  bool consume_;
  Array arena_;
  std::vector<float*> base_;      // by buffer
  std::vector<Array> setup_;      // by buffer
  std::vector<const float*> in_;  // of the step at work
  std::vector<float*> out_;
};

}  // namespace fovea
