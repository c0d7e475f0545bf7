// A drawing of where a model's time goes (after Lavin, arXiv:2404.03617): above, the steps of the plan one after the other,
// as wide as their time and as high as the share of the peak that they reach, so that the area is the useful work and what
// is empty the efficiency gap; below, their operations per byte against the waterline, under which memory is the limit.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace fovea::cli {

struct TimedStep {
  std::string kernel, layer;
  double seconds = 0;
  int64_t flops = 0, bytes = 0;  // read and written at least
};

struct Machine {
  double flops = 0, bytes = 0;  // per second, from registers and from memory
};

// An SVG document; latency = operations / (peak * efficiency) stands below the title.
std::string draw_efficiency(const std::vector<TimedStep>& steps, const Machine& machine, const std::string& title);

}  // namespace fovea::cli
