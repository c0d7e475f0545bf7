// A table of numbers as CSV (possibly gzipped), a sample in each line, its class (0, 1, ...) in the last column. A first
// line whose last field is no number is a header. A sample becomes a picture of one row: every column is standardised on the
// training part and kept as 8 bits, a step being 1/32 of a standard deviation.  // [1,columns,1]
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "data/readers.h"
#include "io/gzip.h"

namespace fovea {
namespace {

constexpr double kHeldOut = 0.2;
constexpr size_t kMostColumns = 4096;
constexpr double kMostClasses = 1000;
constexpr double kLargest = 1e100;  // whose square is a number, too

using Line = std::vector<double>;

// NaN for what is no number, or too large a one.
double read_field(std::string_view field) {
  std::string_view t = trim(field);
  double v = 0;
  auto [end, error] = std::from_chars(t.data(), t.data() + t.size(), v);
  return error == std::errc() && end == t.data() + t.size() && std::fabs(v) <= kLargest ? v : NAN;
}

Line read_line(std::string_view text) {
  Line line;
  for (const std::string& field : split(text, ',')) line.push_back(read_field(field));
  return line;
}

std::vector<Line> read_lines(const std::string& file) {
  std::vector<Line> lines;
  int number = 0;
  size_t columns = 0;
  std::string all = read_maybe_gzip(file, uint64_t{256} << 20);
  if (all.starts_with("\xEF\xBB\xBF")) all.erase(0, 3);  // a byte order mark
  for (const std::string& text : split(all, '\n')) {
    number++;
    if (trim(text).empty()) continue;
    Line line = read_line(text);
    if (number == 1 && std::isnan(line.back())) continue;
    bool numbers = std::none_of(line.begin(), line.end(), [](double v) { return std::isnan(v); });
    if (columns == 0) columns = line.size();
    if (!numbers || line.size() < 2 || line.size() != columns || columns > kMostColumns)
      fail(Code::bad_file, "{}:{}: got {}, need {} numbers of at most 1e100", file, number,
           escape_control(text.substr(0, 60)),
           columns > 1 && columns <= kMostColumns ? std::to_string(columns) : "2 to 4096");
    double label = line.back();
    if (label < 0 || label >= kMostClasses || label != std::floor(label))
      fail(Code::bad_file, "{}:{}: got the class {} in the last column, need a whole number below {}", file, number, label,
           kMostClasses);
    lines.push_back(std::move(line));
  }
  if (lines.empty()) fail(Code::bad_file, "{}: has no line of numbers", file);
  return lines;
}

// The pixels of one column, standardised over `training`.
void add_column(Dataset& data, const std::vector<Line>& lines, const std::vector<int64_t>& training, size_t column) {
  double sum = 0, squares = 0, n = static_cast<double>(std::max<size_t>(training.size(), 1));
  for (int64_t i : training) sum += lines[static_cast<size_t>(i)][column];
  for (int64_t i : training) squares += std::pow(lines[static_cast<size_t>(i)][column] - sum / n, 2);
  double deviation = std::sqrt(squares / n);
  for (size_t i = 0; i < lines.size(); i++) {
    double z = deviation > 0 ? (lines[i][column] - sum / n) / deviation : 0;
    double v = kTableMean + kTableDeviation * z;
    data.pixels[i * static_cast<size_t>(data.w) + column] = static_cast<uint8_t>(std::nearbyint(std::clamp(v, 0.0, 255.0)));
  }
}

}  // namespace

Dataset open_table(const std::string& file, const std::string& split, const DataOptions& options) {
  std::vector<Line> lines = read_lines(file);
  Dataset data;
  data.table = true;
  data.h = 1, data.w = static_cast<int>(lines[0].size()) - 1, data.channels = 1;
  for (const Line& line : lines) data.labels.push_back(static_cast<int>(line.back()));
  int classes = *std::max_element(data.labels.begin(), data.labels.end()) + 1;
  for (int k = 0; k < classes; k++) data.classes.push_back(std::to_string(k));
  data.pixels.resize(lines.size() * static_cast<size_t>(data.w));
  std::vector<int64_t> training = samples_of(data, kHeldOut, false);
  for (size_t column = 0; column + 1 < lines[0].size(); column++) add_column(data, lines, training, column);
  match_classes(data, options.classes, file);
  return hold_out(data, kHeldOut, split != "train");
}

}  // namespace fovea
