// From what the user said to the values that the parts of a training take.
#pragma once
#include "data/augment.h"
#include "data/dataset.h"
#include "train/config.h"
#include "train/schedule.h"
#include "train/step.h"
#include "train/weights.h"

namespace fovea {

Augment augment_of(const TrainConfig& c);
StepOptions step_of(const TrainConfig& c);
Schedule schedule_of(const TrainConfig& c, int64_t steps_per_epoch);
// Size, channels and card: the model's, where neither the user nor the data know better.
ModelInfo info_of(const TrainConfig& c, const Dataset& data);

struct TrainData {
  Dataset train, val;
};
TrainData open_data(const TrainConfig& c);

}  // namespace fovea
