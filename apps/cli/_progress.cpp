#include "_progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "_output.h"

namespace fovea::cli {
namespace {

void put(const std::string& text) { [[maybe_unused]] ssize_t wrote = write(STDERR_FILENO, text.data(), text.size()); }

std::string bar(double share, int width) {
  int full = static_cast<int>(share * width);
  return std::string(static_cast<size_t>(full), '#') + std::string(static_cast<size_t>(width - full), '.');
}

}  // namespace

std::string duration_text(double seconds) {
  int64_t s = std::isfinite(seconds) ? std::llround(std::clamp(seconds, 0.0, 1e9)) : 0;
  return s < 3600 ? fmt::format("{}:{:02}", s / 60, s % 60) : fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

ProgressLine::ProgressLine(std::string title, std::string unit) : title_(std::move(title)), unit_(std::move(unit)) {}

void ProgressLine::update(int64_t done, int64_t total) {
  double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  std::string text;
  if (rate > 0)
    text = fmt::format("{:.0f} {}/s  {} left", rate, unit_, duration_text(static_cast<double>(total - done) / rate));
  draw(title_, total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 0, text);
}

void ProgressLine::draw(const std::string& title, double share, const std::string& text) {
  int width = terminal_width();
  auto now = Clock::now();
  if (width < 2 || (now - drawn_ < std::chrono::milliseconds(100) && share < 1)) return;
  drawn_ = now;
  share = std::clamp(share, 0.0, 1.0);
  int room = width - 10 - static_cast<int>(title.size() + text.size());  // the time left matters more than a long bar
  std::string line = fmt::format("{} {} {:3.0f} %  {}", title, bar(share, std::clamp(room, 4, 20)), share * 100, text);
  put("\r\033[K" + cut(line, static_cast<size_t>(width - 1)));
  shown_ = true;
}

void ProgressLine::clear() {
  if (shown_) put("\r\033[K");
  shown_ = false;
}

}  // namespace fovea::cli
