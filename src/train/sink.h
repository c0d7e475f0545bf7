// Records that a run appends to: metrics.csv, log.jsonl, the TensorBoard file. Losing one must never stop the training.
#pragma once
#include <functional>
#include <string>
#include <string_view>

namespace fovea {

using Note = std::function<void(const std::string&)>;  // a line for the user

class Sink {
 public:
  // On the first failure warns once and is silent from then on.
  Sink(std::string path, Note warn);
  ~Sink();
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  void append(std::string_view record);  // whole or (after a crash) torn at the end, never interleaved
  const std::string& path() const { return path_; }

 private:
  void give_up(int error);
  std::string path_;
  Note warn_;
  int fd_ = -1;
};

}  // namespace fovea
