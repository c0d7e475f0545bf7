// A progress line on standard error, with rate and time left: on a terminal only, and never in the data.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace fovea::cli {

class ProgressLine {
 public:
  // unit: what is counted, "pictures".
  explicit ProgressLine(std::string title = "", std::string unit = "");
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // So many of all are done; rate and time left follow from the calls.
  void update(int64_t done, int64_t total);
  // The same for those who know better. Redraws at most ten times a second, and at the end.
  void draw(const std::string& title, double share, const std::string& text);
  void clear();  // before other lines are printed

 private:
  using Clock = std::chrono::steady_clock;
  std::string title_, unit_;
  bool shown_ = false;
  Clock::time_point start_ = Clock::now(), drawn_{};
};

std::string duration_text(double seconds);  // "0:42", "1:02:03"

}  // namespace fovea::cli
