// A progress line on standard error, with rate and time left: on a terminal only, and never in the data.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace fovea::cli {

class Progress {
 public:
  // unit: what is counted, "pictures".
  Progress(std::string title, std::string unit);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // extra: figures to show behind the bar. Redraws at most ten times a second.
  void update(int64_t done, int64_t total, const std::string& extra = "");
  void clear();  // before other lines are printed

 private:
  using Clock = std::chrono::steady_clock;
  std::string title_, unit_;
  bool shown_ = false;
  Clock::time_point start_ = Clock::now(), drawn_{};
  int64_t first_ = -1;  // `done` of the first call: what a resumed run had before
};

std::string duration_text(double seconds);  // "0:42", "1:02:03"

}  // namespace fovea::cli
