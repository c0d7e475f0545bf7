// Labelled pictures, from `kind:path`:
//   folder:DIR         DIR/train/CLASS/... and DIR/val/CLASS/... (or validation/), or just DIR/CLASS/...
//   csv:FILE           columns `file` and `class` (or `label`), an index or a name; `name` and `split` are used if there
//   cifar10:DIR        data_batch_*.bin, test_batch.bin (and batches.meta.txt), or train.jpgpack and test.jpgpack
//   mnist:DIR          the four idx files; fashion-mnist:DIR is the same with its class names
//   table:FILE         numbers separated by commas, the class in the last column; a fifth of the lines is held out
// Binary files may be gzipped.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "io/image.h"

namespace fovea {

// How a table's standardised numbers are kept in 8 bits.
constexpr double kTableMean = 128, kTableDeviation = 32;

constexpr const char* kDataKinds = "folder:DIR, csv:FILE, cifar10:DIR, mnist:DIR, fashion-mnist:DIR or table:FILE";

// Samples are either files, decoded when asked for, or small pictures of one size that are all in memory.
struct Dataset {
  std::string spec;
  std::vector<std::string> classes;
  std::vector<int> labels;         // one per sample
  std::vector<std::string> notes;  // what the user should hear once: files that were ignored, batches that are missing
  bool has_splits = true;          // false: train and val are the same samples, see hold_out()
  bool table = false;              // `pixels` are numbers, not pictures: never resized, see kTableMean
  bool apply_exif = false;         // turn pictures the right way up (files only)
  std::string root;                // of `files`
  std::vector<std::string> files;
  int h = 0, w = 0, channels = 3;  // of `pixels`; files always have 3 channels
  std::vector<uint8_t> pixels;     // [size,h,w,channels]

  int64_t size() const { return static_cast<int64_t>(labels.size()); }
  std::string name(int64_t i) const;
  // Thread-safe. `room` is where a file is decoded to; the view is good as long as it and the dataset are.
  ImageView image(int64_t i, Image& room, const ImageLimits& limits = {}) const;
};

struct DataOptions {
  bool allow_empty = false;          // a class without pictures, or of `classes` one without a folder
  std::vector<std::string> classes;  // what the model knows, in its order; empty: the data decide
};

// split: train, val or test (which falls back on val, and val on test, where a kind has only one of the two).
Dataset open_dataset(const std::string& spec, const std::string& split, const DataOptions& options = {});

Dataset take(const Dataset& data, const std::vector<int64_t>& samples);
std::vector<int64_t> first_of_each_class(const Dataset& data, int count);  // in their order; fewer where there are fewer

// For data without splits: the held-out `fraction`, but one sample at least of every class with two, or the rest. Chosen by
// the names of files, so that adding pictures never moves another one across (but for such a single one); by their numbers
// where there are no files.
std::vector<int64_t> samples_of(const Dataset& data, double fraction, bool held_out);
Dataset hold_out(const Dataset& data, double fraction, bool held_out);

}  // namespace fovea
