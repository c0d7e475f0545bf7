// Learning rates as functions of the step: nothing to save, nothing to restore.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace fovea {

struct Schedule {
  std::string kind = "cosine";  // one of schedule_names()
  double lr = 0.1, min_lr = 0;
  double warmup_lr = 0;      // where the warm-up begins; it rises linearly to lr
  int64_t warmup_steps = 0;  // onecycle: 0 means 30 % of the steps
  int64_t steps = 1;         // of the whole training
  int64_t decay_steps = 1;   // step: every so many steps after the warm-up ...
  double decay_rate = 0.1;   // ... the rate is multiplied by this
};

const std::vector<std::string>& schedule_names();  // constant, cosine, linear, onecycle, step
// The learning rate of step 0, 1, ... ; of a step past the end it is that of the last one.
double learning_rate(const Schedule& s, int64_t step);

}  // namespace fovea
