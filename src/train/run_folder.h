// The folder of one run:
//   config.toml env.json metrics.csv log.jsonl events.out.tfevents.* report.html checkpoints/ plots/
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "train/config.h"
#include "train/sink.h"

namespace fovea {

// One validation in metrics.csv.
struct Metrics {
  int epoch = 0;  // counted from 1, as people do
  int64_t step = 0;
  double lr = 0, train_loss = 0, train_top1 = 0, val_loss = 0, val_top1 = 0, val_top5 = 0, calibration_error = 0;
  double images_per_second = 0, seconds = 0;
};

// Refuses what could not be trained into, before there is any work to lose: not a folder, another run, files of others.
void check_run_folder(const std::string& path, bool resume);

class RunFolder {
 public:
  // Makes the folder (resume: it must be there) and locks it for this process; usage error if another one holds it.
  RunFolder(const TrainConfig& config, bool resume, Note note);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::string& path() const { return path_; }
  void make() const;  // it and the folders in it, where they are missing
  std::string checkpoints() const { return path_ + "/checkpoints"; }

  // Drops the rows of epochs that are trained again.
  void keep_epochs(int done);
  void add(const Metrics& m);
  const std::vector<Metrics>& metrics() const { return metrics_; }
  // A line of log.jsonl: {"time": ..., "event": event, ...fields}, fields being JSON members.
  void log(const std::string& event, const std::string& fields = "");
  void scalars(int64_t step, const std::vector<std::pair<std::string, float>>& values);

 private:
  void lock();
  std::string path_;
  Note note_;
  int lock_ = -1;
  std::vector<Metrics> metrics_;
  std::unique_ptr<Sink> csv_, log_, events_;
};

// Of the machine and the build, as JSON: what one needs to tell why two runs differ. Nothing secret.
std::string environment_json(int threads);
// runs/MODEL-DATE-TIME
std::string default_run_folder(const std::string& model);

}  // namespace fovea
