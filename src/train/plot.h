// Small pictures for reports: SVG text that stands alone or inside HTML, and reads well on light and on dark.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace fovea {

struct Series {
  std::string name;
  std::vector<double> x, y;  // x counts; values that are not finite are left out
};
struct LinePlot {
  std::string title, x_label, y_label;
  std::vector<Series> series;
  bool percent = false;  // y is a share of one
  bool from_zero = false;
};
std::string svg(const LinePlot& plot);

// counts [true class, predicted class]; rows are shares of their class.
std::string confusion_svg(const std::vector<std::string>& classes, const std::vector<int64_t>& counts);

// Round numbers from at most lo to at least hi, in about `count` steps.
std::vector<double> ticks(double lo, double hi, int count = 5);

}  // namespace fovea
