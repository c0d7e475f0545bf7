#include "train/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace fovea {
namespace {

constexpr double kWidth = 640, kHeight = 360, kLeft = 64, kRight = 16, kTop = 36, kBottom = 46;

// The palette of Okabe and Ito, which colour-blind readers can tell apart.
constexpr const char* kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};

// Text and grid follow the reader's scheme; the same rules stand in the report's own style sheet.
constexpr const char* kStyle =
    "<style>.fp text{fill:#333;font:12px system-ui,sans-serif}.fp .grid{stroke:#ddd}.fp "
    ".title{font-weight:600;font-size:14px}"
    ".fp .cell{font-size:10px}.fp .void{fill:#f4f4f4}.fp text.on{fill:#fff}"
    "@media(prefers-color-scheme:dark){.fp text{fill:#ddd}.fp .grid{stroke:#444}.fp .void{fill:#222}.fp "
    "text.on{fill:#fff}}</style>";

std::string open_svg(double width, double height, const std::string& title) {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"fp\" viewBox=\"0 0 {0:g} {1:g}\" width=\"{0:g}\" height=\"{1:g}\" "
      "role=\"img\" aria-label=\"{2}\">{3}\n",
      width, height, escape_xml(title), kStyle);
}

std::string text(double x, double y, const std::string& anchor, const std::string& what, const std::string& more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y, anchor, more,
                     escape_xml(what));
}

struct Range {
  double lo = HUGE_VAL, hi = -HUGE_VAL;
  void add(double v) {
    if (std::isfinite(v)) lo = std::min(lo, v), hi = std::max(hi, v);
  }
  void settle(double below, double above) {  // room around a single value
    if (lo > hi) lo = 0, hi = 1;
    if (lo == hi) lo -= below, hi += above;
  }
};

// From values to pixels.
struct Frame {
  Range x, y;
  double px(double v) const { return kLeft + (v - x.lo) / (x.hi - x.lo) * (kWidth - kLeft - kRight); }
  double py(double v) const { return kHeight - kBottom - (v - y.lo) / (y.hi - y.lo) * (kHeight - kTop - kBottom); }
};

Frame frame_of(const LinePlot& p) {
  Frame f;
  for (const Series& s : p.series)
    for (size_t i = 0; i < s.x.size(); i++) f.x.add(s.x[i]), f.y.add(s.y[i]);
  if (p.from_zero) f.y.add(0);
  f.x.settle(0.5, 0.5);
  f.y.settle(std::fabs(f.y.lo) / 10, f.y.lo == 0);  // no share above 1 or below 0
  std::vector<double> marks = ticks(f.y.lo, f.y.hi);
  f.y = {marks.front(), marks.back()};
  return f;
}

std::string axes(const LinePlot& p, const Frame& f) {
  std::string r = text(kLeft, 20, "start", p.title, " class=\"title\"");
  for (double v : ticks(f.y.lo, f.y.hi)) {
    double y = f.py(v);
    r += fmt::format("<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>\n", kLeft, kWidth - kRight, y,
                     y);
    r +=
        text(kLeft - 6, y + 4, "end", p.percent ? fmt::format("{:g} %", std::round(v * 1e6) / 1e4) : fmt::format("{:g}", v));
  }
  for (double v : ticks(f.x.lo, f.x.hi, 8))
    if (v >= f.x.lo && v <= f.x.hi && std::fabs(v - std::round(v)) < 1e-6)
      r += text(f.px(v), kHeight - kBottom + 18, "middle", fmt::format("{:g}", v));
  r += text((kLeft + kWidth - kRight) / 2, kHeight - 8, "middle", p.x_label);
  return r + text(14, (kTop + kHeight - kBottom) / 2, "middle", p.y_label,
                  fmt::format(" transform=\"rotate(-90 14 {:.1f})\"", (kTop + kHeight - kBottom) / 2));
}

std::string curve(const Series& s, const Frame& f, const char* colour) {
  std::string points, dots;
  for (size_t i = 0; i < s.x.size(); i++) {
    if (!std::isfinite(s.x[i]) || !std::isfinite(s.y[i])) continue;
    double x = f.px(s.x[i]), y = f.py(s.y[i]);
    points += fmt::format("{:.1f},{:.1f} ", x, y);
    if (s.x.size() <= 40)
      dots +=
          fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.5\" fill=\"{}\"><title>{}: {:g}, {:.5g}</title></circle>\n",
                      x, y, colour, escape_xml(s.name), s.x[i], s.y[i]);
  }
  return fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"2\" points=\"{}\"/>\n{}", colour, points, dots);
}

struct Matrix {
  explicit Matrix(const std::vector<std::string>& names_of_classes) : classes(names_of_classes) {
    size_t n = classes.size(), longest = 0;
    cell = n <= 12 ? 36 : n <= 30 ? 20 : std::max(4.0, 640.0 / static_cast<double>(n));
    names = n <= 60, numbers = n <= 12;
    for (const std::string& c : classes) longest = std::max(longest, std::min<size_t>(c.size(), kLongest));
    margin = names ? 20 + 7 * static_cast<double>(longest) : 12;
  }
  double side() const { return cell * static_cast<double>(classes.size()); }
  double at(size_t i) const { return margin + cell * static_cast<double>(i); }
  double down(size_t i) const { return 32 + at(i); }

  std::string labels(size_t i) const {
    std::string name = clip(classes[i], kLongest);
    double x = at(i) + cell / 2 + 4, y = down(0) - 6;
    return text(margin - 6, down(i) + cell / 2 + 4, "end", name) +
           text(x, y, "start", name, fmt::format(" transform=\"rotate(-60 {:.1f} {:.1f})\"", x, y));
  }
  std::string row(size_t i, const int64_t* counts) const {
    int64_t total = 0;
    for (size_t k = 0; k < classes.size(); k++) total += counts[k];
    std::string r;
    for (size_t k = 0; k < classes.size(); k++) {
      double share = total ? static_cast<double>(counts[k]) / static_cast<double>(total) : 0;
      std::string box =
          fmt::format("x=\"{0:.1f}\" y=\"{1:.1f}\" width=\"{2:.1f}\" height=\"{2:.1f}\"", at(k), down(i), cell - 1);
      if (numbers) r += fmt::format("<rect class=\"void\" {}/>", box);
      if (share == 0) continue;
      r +=
          fmt::format("<rect {} fill=\"{}\" fill-opacity=\"{:.3f}\"><title>{} as {}: {}</title></rect>\n", box,
                      kColours[i == k ? 0 : 1], std::sqrt(share), escape_xml(classes[i]), escape_xml(classes[k]), counts[k]);
      if (numbers)
        r += text(at(k) + cell / 2, down(i) + cell / 2 + 4, "middle", std::to_string(counts[k]),
                  share > 0.3 ? " class=\"cell on\"" : " class=\"cell\"");
    }
    return r;
  }

  static constexpr size_t kLongest = 18;
  const std::vector<std::string>& classes;
  double cell, margin;
  bool names, numbers;
};

}  // namespace

std::vector<double> ticks(double lo, double hi, int count) {
  double rough = std::max(hi - lo, 1e-300) / count, base = std::pow(10, std::floor(std::log10(rough))), step = base * 10;
  for (double k : {5.0, 2.0, 1.0})
    if (base * k >= rough * 0.999) step = base * k;
  std::vector<double> r;
  for (double i = std::floor(lo / step + 1e-9); i <= std::ceil(hi / step - 1e-9); i++) r.push_back(i * step);
  return r;
}

std::string svg(const LinePlot& plot) {
  Frame f = frame_of(plot);
  std::string r = open_svg(kWidth, kHeight, plot.title) + axes(plot, f);
  double key = kWidth - kRight;
  for (size_t i = plot.series.size(); i-- > 0;) {
    const char* colour = kColours[i % std::size(kColours)];
    r += curve(plot.series[i], f, colour);
    if (plot.series.size() == 1) break;  // the title names it
    r += text(key, 20, "end", plot.series[i].name);
    key -= 8 + 7.0 * static_cast<double>(plot.series[i].name.size());
    r += fmt::format("<rect x=\"{:.1f}\" y=\"10\" width=\"10\" height=\"10\" rx=\"2\" fill=\"{}\"/>\n", key - 8, colour);
    key -= 24;
  }
  return r + "</svg>\n";
}

std::string confusion_svg(const std::vector<std::string>& classes, const std::vector<int64_t>& counts) {
  Matrix m(classes);
  double right = m.names ? m.margin / 2 : 16;  // the last name leans out
  std::string r = open_svg(std::max(m.margin + m.side(), 380.0) + right, m.margin + m.side() + 48, "confusion matrix");
  r += text(12, 20, "start", "Confusion matrix: truth down, prediction across", " class=\"title\"");
  for (size_t i = 0; i < classes.size(); i++) {
    if (m.names) r += m.labels(i);
    r += m.row(i, &counts[i * classes.size()]);
  }
  return r + "</svg>\n";
}

}  // namespace fovea
