#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace fovea {
namespace {

// From a at t = 0 to b at t = 1 along half a cosine.
double half_cosine(double a, double b, double t) { return b + (a - b) * 0.5 * (1 + std::cos(std::numbers::pi * t)); }

// Smith and Topin (arXiv:1708.07120), with the factors of PyTorch: lr/25 -> lr -> lr/25/10000.
double one_cycle(const Schedule& s, double step) {
  double last = static_cast<double>(s.steps - 1), start = s.lr / 25;
  double peak = (s.warmup_steps > 0 ? static_cast<double>(s.warmup_steps) : 0.3 * static_cast<double>(s.steps)) - 1;
  peak = std::clamp(peak, 0.0, last);
  if (step < peak) return half_cosine(start, s.lr, step / peak);
  return half_cosine(s.lr, std::max(start / 1e4, s.min_lr), last > peak ? (step - peak) / (last - peak) : 0);
}

}  // namespace

const std::vector<std::string>& schedule_names() {
  static const std::vector<std::string> names = {"constant", "cosine", "linear", "onecycle", "step"};
  return names;
}

double learning_rate(const Schedule& s, int64_t step) {
  step = std::clamp<int64_t>(step, 0, std::max<int64_t>(s.steps - 1, 0));
  if (s.kind == "onecycle") return one_cycle(s, static_cast<double>(step));
  if (step < s.warmup_steps)
    return s.warmup_lr + (s.lr - s.warmup_lr) * static_cast<double>(step + 1) / static_cast<double>(s.warmup_steps);
  int64_t after = step - s.warmup_steps, length = std::max<int64_t>(s.steps - s.warmup_steps, 1);
  double t = static_cast<double>(after) / static_cast<double>(length);
  if (s.kind == "constant") return s.lr;
  if (s.kind == "cosine") return half_cosine(s.lr, s.min_lr, t);
  if (s.kind == "linear") return s.lr + (s.min_lr - s.lr) * t;
  FOVEA_CHECK(s.kind == "step");
  return std::max(s.min_lr, s.lr * std::pow(s.decay_rate, after / std::max<int64_t>(s.decay_steps, 1)));
}

}  // namespace fovea
