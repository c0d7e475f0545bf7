// A whole training: from a configuration to a run folder with a trained network in it.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "io/tensor_file.h"
#include "train/config.h"
#include "train/evaluate.h"
#include "train/sink.h"

namespace fovea {

struct Progress {
  enum class Phase { train, validate } phase = Phase::train;
  int epoch = 0, epochs = 0;      // counted from 1
  int64_t step = 0, steps = 0;    // of the whole training
  int64_t done = 0, total = 0;    // pictures of this phase
  double loss = 0, accuracy = 0;  // of this epoch so far
  double lr = 0;
  double images_per_second = 0, seconds_left = 0;
};

struct TrainHooks {
  std::function<void(const Progress&)> progress = [](const Progress&) {};
  Note note = [](const std::string&) {};
  std::function<bool()> stop = [] { return false; };  // asked after every step: save and end?
  // Where the weights are that config.init names.
  std::function<std::unique_ptr<TensorFile>(const std::string&)> open = [](const std::string& path) {
    return TensorFile::open(path);
  };
  uint64_t mem_limit = 0;  // bytes that the training may plan with; 0: what is available
};

struct TrainResult {
  std::string folder, weights;  // weights: the best checkpoint
  bool stopped = false;         // by TrainHooks::stop
  int64_t steps = 0;
  int best_epoch = 0;  // counted from 1; 0: none was validated
  double best = 0;     // its validation accuracy
  double seconds = 0;
  std::optional<Evaluation> evaluation;  // of the best weights, at the end
};

// resume: config.output is the folder to go on in. Throws diverged for a loss that is not finite.
TrainResult train(const TrainConfig& config, const TrainHooks& hooks = {}, bool resume = false);
// What a run was told, to be changed before it is resumed.
TrainConfig config_of_run(const std::string& folder);

}  // namespace fovea
