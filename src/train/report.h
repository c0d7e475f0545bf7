// report.html of a run: one file that needs nothing else, and the same plots as SVG files.
#pragma once
#include <string>
#include <vector>

#include "data/dataset.h"
#include "train/config.h"
#include "train/evaluate.h"
#include "train/run_folder.h"
#include "train/weights.h"

namespace fovea {

struct Report {
  const TrainConfig& config;
  const ModelInfo& info;
  const std::vector<Metrics>& metrics;
  const Evaluation& evaluation;  // of the best weights on val
  const Dataset& val;
  std::string environment;  // JSON
  int64_t training_pictures = 0;
  double seconds = 0;
};

void write_plots(const std::string& folder, const std::vector<Metrics>& metrics);
void write_report(const std::string& folder, const Report& report);

}  // namespace fovea
