// Batches for training and validation, made by worker threads into a ring of buffers that are used again and again.
// What a batch holds depends on (data, card, augment, seed, epoch, number) alone: not on threads, timing, or where a run
// was resumed.
//
// A picture that cannot be read is never replaced by another: its place in the batch stays empty. An empty place has
// label -1, a target row of zeros, and pixels of zeros, so that a loss on soft targets and every count leave it out and
// batches keep their size. It is tried again in the next epoch. More than `max_bad` of the data being bad stops the run.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/card.h"
#include "data/augment.h"
#include "data/dataset.h"

namespace fovea {

struct LoaderOptions {
  int batch = 128;
  int threads = 1;  // workers; they run beside the caller
  int ahead = 2;    // batches that are made before they are asked for
  uint64_t seed = 0;
  bool train = true;             // shuffle, augment, drop the last partial batch; else in order, plain, all of them
  double max_bad = 0.01;         // share of the samples
  int classes = 0;               // columns of the targets; 0: as many as the data have
  uint64_t memory = UINT64_MAX;  // bytes for the batches, and for the pictures in decoding; see NoRoom
  double stall_seconds = 30;
  std::function<void(const std::string&)> on_stall;   // told each time next() has waited that long: for which sample
  std::function<void(const std::string&)> on_turned;  // told once that orientation tags are ignored, and of which picture
};

struct Batch {
  int n = 0;                 // places; fewer than LoaderOptions::batch only in the last batch of validation
  int filled = 0;            // of them with a picture
  int64_t number = 0;        // within the epoch
  float* images = nullptr;   // [n,height,width,channels]
  float* targets = nullptr;  // [n,classes], each row sums to 1 or, in an empty place, to 0
  std::vector<int> labels;   // before any mixing; -1: empty
  std::vector<int64_t> samples;
};

class Loader {
 public:
  Loader(const Dataset& data, const Card& card, const Augment& augment, LoaderOptions options);  // data must outlive it
  ~Loader();
  Loader(const Loader&) = delete;

  int64_t batches() const;  // in an epoch
  int classes() const;
  void start(int64_t epoch, int64_t batch = 0);  // from this batch on; what was under way is dropped
  const Batch* next();                           // null after the last; valid until the next call. Rethrows a worker's error
  const std::map<int64_t, std::string>& bad() const;  // samples met so far that cannot be read, and why

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The order of an epoch: a random permutation that depends on (n, seed, epoch) alone.
void epoch_order(int64_t n, uint64_t seed, int64_t epoch, std::vector<uint32_t>& order);

}  // namespace fovea
