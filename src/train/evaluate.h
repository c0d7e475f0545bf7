// A network against labelled pictures.
#pragma once
#include <functional>

#include "base/card.h"
#include "data/dataset.h"
#include "run/program.h"

namespace fovea {

struct Evaluation {
  int classes = 0;
  int64_t count = 0, correct = 0, correct5 = 0;
  int64_t bad = 0;                       // pictures that could not be read; not in count
  double loss_sum = 0;                   // cross entropy
  double calibration_error = 0;          // expected, 15 bins of equal width (arXiv:1706.04599)
  std::vector<int64_t> pictures, right;  // by true class
  std::vector<int64_t> confusion;        // [true class, predicted class]; none for more than kMostConfused classes
  std::vector<int> predicted;            // per sample of the data; -1: bad
  std::vector<float> confidence;         // softmax of the predicted class
  double seconds = 0;

  double top1() const { return count ? static_cast<double>(correct) / static_cast<double>(count) : 0; }
  double top5() const { return count ? static_cast<double>(correct5) / static_cast<double>(count) : 0; }
  double loss() const { return count ? loss_sum / static_cast<double>(count) : 0; }
  double rate() const { return seconds > 0 ? static_cast<double>(count) / seconds : 0; }
  double class_accuracy(int c) const;
};
constexpr int kMostConfused = 1000;

struct EvaluateOptions {
  int workers = 1;
  double max_bad = 0.01;
  uint64_t memory = UINT64_MAX;                  // bytes for its batches and pictures, see LoaderOptions
  std::function<void(const std::string&)> note;  // told what the user should hear
  // Pictures done and all of them; false: stop, the evaluation is then of what was done.
  std::function<bool(int64_t, int64_t)> progress;
};

// program: input "image" [batch,h,w,c] as the card says, output "logits" [batch,classes].
Evaluation evaluate(Program& program, const Dataset& data, const Card& card, const EvaluateOptions& options = {});

// Where `label` stands among the logits, 0: first; equal ones in the order of their index.
int rank_of(const float* logits, int classes, int label);

}  // namespace fovea
