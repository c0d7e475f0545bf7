#include "_efficiency.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "train/plot.h"

namespace fovea::cli {
namespace {

constexpr double kWidth = 960, kLeft = 64, kRight = 20, kTop = 104, kPanel = 200, kBetween = 56, kBottom = 52;
constexpr double kMostShare = 3, kLeastIntensity = 0.1;

// What a step mostly does, for its colour: the palette of Okabe and Ito.
struct Kind {
  const char *name, *colour, *begins;
};
constexpr Kind kKinds[] = {{"Winograd", "#cc79a7", "winograd"},
                           {"depthwise", "#009e73", "depthwise"},
                           {"attention", "#e69f00", "attention"},
                           {"elementwise, reduction", "#56b4e9", "pointwise"},
                           {"", "#56b4e9", "reduce"},
                           {"matrix product, convolution", "#0072b2", "gather"},
                           {"", "#0072b2", "matmul"},
                           {"", "#0072b2", "gemm"}};
constexpr const char *kRegion = "#d55e00", *kOther = "#999999";

const char* colour_of(const std::string& kernel) {
  if (kernel.find(" > ") != kernel.npos) return kRegion;
  for (const Kind& k : kKinds)
    if (kernel.starts_with(k.begins)) return k.colour;
  return kOther;
}

std::string text(double x, double y, const char* anchor, const std::string& what, const char* more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y, anchor, more,
                     escape_xml(what));
}

std::string line(double x1, double x2, double y, const char* style) {
  return fmt::format("<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\" {}/>\n", x1, x2, y, y, style);
}

class Drawing {
 public:
  Drawing(const std::vector<TimedStep>& steps, const Machine& machine) : steps_(steps), machine_(machine) {
    for (const TimedStep& s : steps) total_ += s.seconds, flops_ += static_cast<double>(s.flops);
    for (const TimedStep& s : steps) {
      most_share_ = std::max(most_share_, std::min(share(s), kMostShare));
      most_intensity_ = std::max(most_intensity_, intensity(s));
    }
  }

  std::string svg(const std::string& title) const {
    const double height = kTop + 2 * kPanel + kBetween + kBottom;
    std::string out = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:g}\" height=\"{1:g}\" viewBox=\"0 0 {0:g} {1:g}\" "
        "font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n<rect width=\"100%\" height=\"100%\" "
        "fill=\"white\"/>\n",
        kWidth, height);
    out += text(kLeft, 28, "start", title, " font-size=\"17\" font-weight=\"bold\"");
    out += text(kLeft, 48, "start",
                fmt::format("{:.3f} ms = {:.3f} GFLOP / ({:.0f} GFLOP/s x {:.1f} %)", total_ * 1e3, flops_ * 1e-9,
                            machine_.flops * 1e-9, 100 * flops_ / (machine_.flops * total_)));
    return out + legend() + gap() + waterline() + time_axis() + "</svg>\n";
  }

 private:
  double share(const TimedStep& s) const { return static_cast<double>(s.flops) / (machine_.flops * s.seconds); }
  static double intensity(const TimedStep& s) {
    return static_cast<double>(s.flops) / static_cast<double>(std::max<int64_t>(s.bytes, 1));
  }
  double px(double seconds) const { return kLeft + seconds / total_ * (kWidth - kLeft - kRight); }
  double share_y(double v) const { return kTop + kPanel * (1 - std::min(v, kMostShare) / most_share_); }
  double intensity_y(double v) const {
    const double lo = std::log10(kLeastIntensity), hi = std::log10(most_intensity_);
    return kBase - kPanel * (std::log10(std::max(v, kLeastIntensity)) - lo) / (hi - lo);
  }

  std::string legend() const {
    std::string out;
    double x = kLeft;
    auto entry = [&](const char* colour, const std::string& name) {
      out += fmt::format("<rect x=\"{:.1f}\" y=\"60\" width=\"11\" height=\"11\" fill=\"{}\"/>\n", x, colour);
      out += text(x + 16, 70, "start", name);
      x += 34 + 6.4 * static_cast<double>(name.size());
    };
    auto used = [&](const char* colour) {
      return std::any_of(steps_.begin(), steps_.end(), [&](auto& s) { return colour_of(s.kernel) == std::string(colour); });
    };
    for (const Kind& k : kKinds)
      if (*k.name && used(k.colour)) entry(k.colour, k.name);
    if (used(kRegion)) entry(kRegion, "several steps as one region");
    if (used(kOther)) entry(kOther, "other");
    return out;
  }

  // A bar for every step between two heights.
  template <class Height>
  std::string bars(double base, Height top) const {
    std::string out;
    double at = 0;
    for (const TimedStep& s : steps_) {
      const double x = px(at), width = px(at + s.seconds) - x, y = top(s);
      at += s.seconds;
      out += fmt::format("<rect x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{:.1f}\" fill=\"{}\">", x, y,
                         std::max(width - 0.4, 0.3), base - y, colour_of(s.kernel));
      out += fmt::format(
          "<title>{}&#10;{}&#10;{:.4f} ms, {:.0f} GFLOP/s, {:.1f} % of the peak, {:.1f} FLOP/byte</title></rect>\n",
          escape_xml(s.layer), escape_xml(s.kernel), s.seconds * 1e3, static_cast<double>(s.flops) / s.seconds * 1e-9,
          100 * share(s), intensity(s));
    }
    return out;
  }

  std::string gap() const {
    std::string out = text(kLeft, kTop - 8, "start", "Share of the peak; what is empty below 100 % is the efficiency gap");
    out += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"#f3f3f0\"/>\n", kLeft,
                       share_y(1), kWidth - kLeft - kRight, kTop + kPanel - share_y(1));
    for (double v = 0; v <= most_share_ + 1e-9; v += most_share_ > 1.5 ? 0.5 : 0.25)
      out += line(kLeft, kWidth - kRight, share_y(v), "stroke=\"#ccc\"") +
             text(kLeft - 6, share_y(v) + 4, "end", fmt::format("{:.0f} %", 100 * v));
    out += bars(kTop + kPanel, [&](const TimedStep& s) { return share_y(share(s)); });
    return out + line(kLeft, kWidth - kRight, share_y(1), "stroke=\"#222\" stroke-dasharray=\"5 3\"");
  }

  std::string waterline() const {
    const double level = machine_.flops / machine_.bytes, y = intensity_y(level);
    std::string out =
        text(kLeft, kBase - kPanel - 10, "start",
             fmt::format("FLOP per byte; below the waterline of {:.1f} ({:.0f} GFLOP/s over {:.0f} GB/s) operands "
                         "from memory take longer than the arithmetic",
                         level, machine_.flops * 1e-9, machine_.bytes * 1e-9));
    out += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"#dcecf7\"/>\n", kLeft, y,
                       kWidth - kLeft - kRight, kBase - y);
    for (double v = kLeastIntensity; v <= most_intensity_ * 1.001; v *= 10)
      out += line(kLeft, kWidth - kRight, intensity_y(v), "stroke=\"#ccc\"") +
             text(kLeft - 6, intensity_y(v) + 4, "end", fmt::format("{:g}", v));
    out += bars(kBase, [&](const TimedStep& s) { return intensity_y(intensity(s)); });
    return out + line(kLeft, kWidth - kRight, y, "stroke=\"#0072b2\" stroke-width=\"2\"");
  }

  std::string time_axis() const {
    std::string out;
    for (double ms : ticks(0, total_ * 1e3, 10))
      if (ms <= total_ * 1e3) out += text(px(ms * 1e-3), kBase + 18, "middle", fmt::format("{:g}", ms));
    return out + text((kLeft + kWidth - kRight) / 2, kBase + 38, "middle", "ms, step after step");
  }

  static constexpr double kBase = kTop + 2 * kPanel + kBetween;
  const std::vector<TimedStep>& steps_;
  const Machine machine_;
  double total_ = 0, flops_ = 0, most_share_ = 1, most_intensity_ = 100;
};

}  // namespace

std::string draw_efficiency(const std::vector<TimedStep>& steps, const Machine& machine, const std::string& title) {
  return Drawing(steps, machine).svg(title);
}

}  // namespace fovea::cli
