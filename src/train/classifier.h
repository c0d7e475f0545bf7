// A network ready to name pictures: its weights, its card, its class names, and the program that runs it.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "run/program.h"
#include "train/memory.h"
#include "train/weights.h"

namespace fovea {

// What the user wants different from what the model's card or the weight file says.
struct CardChanges {
  int image_size = 0;            // 0: unchanged
  std::vector<float> mean, std;  // one or three numbers; empty: unchanged
  std::string interpolation;     // empty: unchanged
  double crop_pct = 0;           // 0: unchanged
};
void apply(const CardChanges& changes, Card& card);

struct NetworkFile {
  std::string path;                  // what messages call it
  std::unique_ptr<TensorFile> file;  // none: no weights
};

// find_model() for those who need classes: unsupported if it has none.
const Model& find_classifier(const std::string& name);

// What the file says it is, or else the registry's card of `model`; usage errors where neither knows, or both differ.
ModelInfo identify(const std::string& model, const NetworkFile& weights, const CardChanges& changes = {});

// The graph that predicts: norms folded, no dropout.
std::unique_ptr<Graph> inference_graph(const ModelInfo& info, int batch);

class Classifier {
 public:
  // Plans (for the pool's threads), checks the memory, loads. The pool must outlive it.
  Classifier(ModelInfo info, const NetworkFile& weights, int batch, Pool& pool, uint64_t mem_limit,
             const PlanOptions& options = {});

  const ModelInfo& info() const { return info_; }
  const Memory& memory() const { return memory_; }
  const std::string& note() const { return loaded_.note; }        // what loading had to say, or ""
  const std::string& warning() const { return loaded_.warning; }  // and what the user must hear
  Program& program() { return *program_; }
  int batch() const { return batch_; }
  int64_t pixels() const { return int64_t{info_.card.height} * info_.card.width * info_.card.channels; }
  float* image(int i) { return program_->input("image") + i * pixels(); }  // [height,width,channels], to be filled
  void run() { program_->run(); }
  std::vector<float> probabilities(int i) const;  // of image i, softmax over the classes
  std::string class_name(int c) const;            // its number where names are not known

 private:
  ModelInfo info_;
  int batch_;
  Memory memory_;
  Loaded loaded_;
  State state_;
  std::unique_ptr<Program> program_;
};

}  // namespace fovea
