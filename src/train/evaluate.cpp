#include "train/evaluate.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "data/loader.h"

namespace fovea {
namespace {

constexpr size_t kBins = 15;

struct Bin {
  int64_t count = 0, correct = 0;
  double confidence = 0;
};

double calibration_error(const std::array<Bin, kBins>& bins, int64_t count) {
  double r = 0;
  for (const Bin& b : bins) r += std::fabs(b.confidence - static_cast<double>(b.correct));
  return count ? r / static_cast<double>(count) : 0;
}

double log_sum_exp(const float* logits, int classes) {
  double most = *std::max_element(logits, logits + classes), sum = 0;
  for (int c = 0; c < classes; c++) sum += std::exp(static_cast<double>(logits[c]) - most);
  return most + std::log(sum);
}

class Tally {
 public:
  Tally(int classes, int64_t samples) {
    r.classes = classes;
    size_t n = static_cast<size_t>(classes);
    r.pictures.assign(n, 0), r.right.assign(n, 0);
    if (classes <= kMostConfused) r.confusion.assign(n * n, 0);
    r.predicted.assign(static_cast<size_t>(samples), -1), r.confidence.assign(static_cast<size_t>(samples), 0);
  }
  void add(const float* logits, int label, int64_t sample) {
    int best = static_cast<int>(std::max_element(logits, logits + r.classes) - logits),
        rank = rank_of(logits, r.classes, label);
    double all = log_sum_exp(logits, r.classes), sure = std::exp(static_cast<double>(logits[best]) - all);
    r.count++, r.correct += rank == 0, r.correct5 += rank < 5;
    r.loss_sum += all - static_cast<double>(logits[label]);
    size_t truth = static_cast<size_t>(label);
    r.pictures[truth]++, r.right[truth] += best == label;
    if (!r.confusion.empty()) r.confusion[truth * r.pictures.size() + static_cast<size_t>(best)]++;
    r.predicted[static_cast<size_t>(sample)] = best, r.confidence[static_cast<size_t>(sample)] = static_cast<float>(sure);
    Bin& bin = bins_[std::min(kBins - 1, static_cast<size_t>(std::max(0.0, sure * kBins)))];
    bin.count++, bin.correct += rank == 0, bin.confidence += sure;
  }
  Evaluation finish() { return r.calibration_error = calibration_error(bins_, r.count), std::move(r); }
  Evaluation r;

 private:
  std::array<Bin, kBins> bins_{};
};

}  // namespace

double Evaluation::class_accuracy(int c) const {
  size_t k = static_cast<size_t>(c);
  return pictures[k] ? static_cast<double>(right[k]) / static_cast<double>(pictures[k]) : 0;
}

int rank_of(const float* logits, int classes, int label) {
  int before = 0;
  for (int c = 0; c < classes; c++)  // written so that nan ranks last
    before += c != label && (!(logits[label] >= logits[c]) || (logits[label] == logits[c] && c < label));
  return before;
}

Evaluation evaluate(Program& program, const Dataset& data, const Card& card, const EvaluateOptions& options) {
  auto start = std::chrono::steady_clock::now();
  const Shape& shape = program.output_shape("logits");
  int classes = shape[1];
  int64_t pixels = int64_t{card.height} * card.width * card.channels, done = 0;
  Loader loader(data, card, {},
                {.batch = shape[0],
                 .threads = options.workers,
                 .train = false,
                 .max_bad = options.max_bad,
                 .classes = classes,
                 .memory = options.memory,
                 .on_turned = options.note});
  Tally tally(classes, data.size());
  loader.start(0);
  while (const Batch* b = loader.next()) {
    std::copy_n(b->images, b->n * pixels, program.input("image"));
    program.run();
    const float* logits = program.output("logits");
    for (int i = 0; i < b->n; i++) {
      size_t at = static_cast<size_t>(i);
      if (b->labels[at] >= 0) tally.add(logits + int64_t{i} * classes, b->labels[at], b->samples[at]);
    }
    done += b->n;
    if (options.progress && !options.progress(done, data.size())) break;
  }
  tally.r.bad = static_cast<int64_t>(loader.bad().size());
  tally.r.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return tally.finish();
}

}  // namespace fovea
