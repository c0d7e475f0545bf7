// Everything that a run needs to go on as if it had never stopped, in one file, two good generations of it.
//   last.safetensors  the newest; loads as weights, too
//   prev.safetensors  the one before
//   best.safetensors  weights only (averaged ones if the run has them)
#pragma once
#include "train/sink.h"
#include "train/weights.h"

namespace fovea {

// Where a run stands between two steps.
struct Position {
  int64_t step = 0;   // updates made
  int epoch = 0;      // the running one
  int64_t batch = 0;  // micro-batches of it that are done
  double best = -1;   // validation accuracy
  int best_epoch = -1;
  double loss_sum = 0;  // of the running epoch, over its pictures
  int64_t correct = 0, seen = 0;
  double seconds = 0;  // spent training, all sittings together
};

struct Checkpoint {
  Position at;
  std::string config;  // TOML: what the run was told
};

// params: all that the state holds.
void save_checkpoint(const std::string& folder, const State& state, std::span<const Param> params, const ModelInfo& info,
                     const Checkpoint& c);
// From last, or from prev (saying so) if that is damaged: it is then set aside as last.damaged. None if there is neither.
std::optional<Checkpoint> load_checkpoint(const std::string& folder, State& state, std::span<const Param> params,
                                          const Note& note);
// What `config` was, without reading weights; none if there is no checkpoint.
std::optional<std::string> checkpoint_config(const std::string& folder);

// Removes temporary files that killed processes left in the folder, also one that had our number (in a container, every
// run may have the same). To be called before this process writes there.
void sweep_temporary(const std::string& folder);

}  // namespace fovea
