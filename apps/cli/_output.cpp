#include "_output.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/text.h"

namespace fovea::cli {
namespace {

constexpr size_t kLongestLine = 300;

// Characters, not bytes: what a column is made of.
size_t width_of(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string padded(const std::string& text, size_t width, bool right) {
  std::string space(width - std::min(width, width_of(text)), ' ');
  return right ? space + text : text + space;
}

std::string json_list(const Rows& rows, const char* between) {
  std::string out;
  for (size_t i = 0; i < rows.size; i++) out.append(i ? between : "").append(to_json(rows.row(i)));
  return out;
}

}  // namespace

Value::Value(std::string_view text) : table(printable(text)), json('"' + escape_json(text) + '"'), csv(escape_csv(text)) {}
Value::Value(int64_t v) : table(group_digits(v)), json(std::to_string(v)), csv(json), number(true) {}
Value::Value(bool v) : table(v ? "yes" : "no"), json(v ? "true" : "false"), csv(json) {}
Value::Value(double v, int digits)
    : table(fmt::format("{:.{}f}", v, digits)), json(std::isfinite(v) ? table : "null"), csv(table), number(true) {}
Value Value::exponent(double v) {
  Value r(v, 0);
  r.table = r.csv = fmt::format("{:.1e}", v);
  if (std::isfinite(v)) r.json = r.table;
  return r;
}
Value Value::list(std::span<const int> v) {
  Value r(fmt::format("[{}]", fmt::join(v, ", ")));
  r.json = r.table;
  return r;
}
Value::Value(const Record& r) : json(to_json(r)), nested(true) {}
Value::Value(const std::vector<Record>& r) : Value(Rows(r)) {}
Value::Value(const Rows& r) : json('[' + json_list(r, ", ") + ']'), nested(true) {}

std::string to_json(const Record& r) {
  std::string out;
  for (auto& [name, value] : r) out += fmt::format("{}\"{}\": {}", out.empty() ? "" : ", ", escape_json(name), value.json);
  return '{' + out + '}';
}

std::string to_table(const Rows& rows) {
  if (rows.size == 0) return "";
  const Record first = rows.row(0);
  std::vector<size_t> width;
  for (auto& [name, value] : first) width.push_back(width_of(name));
  for (size_t i = 0; i < rows.size; i++) {
    const Record r = rows.row(i);
    for (size_t k = 0; k < width.size(); k++) width[k] = std::max(width[k], width_of(r[k].second.table));
  }
  std::string out;
  auto add_line = [&](auto cell) {
    for (size_t k = 0; k < width.size(); k++)
      if (!first[k].second.nested) out += padded(cell(k), width[k], first[k].second.number) + "  ";
    out.resize(out.find_last_not_of(' ') + 1);
    out += '\n';
  };
  add_line([&](size_t k) { return first[k].first; });
  for (size_t i = 0; i < rows.size; i++) {
    const Record r = rows.row(i);
    add_line([&](size_t k) { return r[k].second.table; });
  }
  return out;
}

std::string to_csv(const Rows& rows) {
  std::string out;
  auto line = [&](const Record& r, auto cell) {
    size_t begin = out.size();
    for (auto& field : r)
      if (!field.second.nested) out += (out.size() > begin ? "," : "") + cell(field);
    out += '\n';
  };
  if (rows.size) line(rows.row(0), [](auto& field) { return escape_csv(field.first); });
  for (size_t i = 0; i < rows.size; i++) line(rows.row(i), [](auto& field) { return field.second.csv; });
  return out;
}

void print(const Rows& rows, Format format) {
  switch (format) {
    case Format::table: return print(to_table(rows));
    case Format::csv: return print(to_csv(rows));
    case Format::jsonl: return print(rows.size == 0 ? "" : json_list(rows, "\n") + '\n');
    case Format::json: return print('[' + json_list(rows, ",\n ") + "]\n");
  }
}

void print(const Record& record, Format format) {
  if (format == Format::csv) return print(to_csv({1, [&](size_t) { return record; }}));
  if (format != Format::table) return print(to_json(record) + '\n');
  size_t width = 0;
  for (auto& field : record) width = std::max(width, field.first.size());
  std::string out;
  for (auto& [name, value] : record)
    if (!value.nested) out += fmt::format("{:{}}  {}\n", name, width, value.table);
  print(out);
}

void print(std::string_view text) {
  while (!text.empty()) {
    ssize_t wrote = write(STDOUT_FILENO, text.data(), text.size());
    if (wrote >= 0) {
      text.remove_prefix(static_cast<size_t>(wrote));
    } else if (errno == EPIPE) {
      std::_Exit(141);  // as a shell reports a process that SIGPIPE ended
    } else if (errno != EINTR) {
      fail(Code::resources, "standard output: cannot be written: {}", std::strerror(errno));
    }
  }
}

void note(std::string_view text) {
  std::string line = "fovea: " + clip(escape_control(text), kLongestLine) + '\n';
  [[maybe_unused]] ssize_t wrote = write(STDERR_FILENO, line.data(), line.size());  // nothing is left to complain to
}

int terminal_width() {
  const char* terminal = std::getenv("TERM");
  if (!isatty(STDERR_FILENO) || !terminal || std::string_view(terminal) == "dumb") return 0;
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string cut(std::string_view text, size_t width) {
  if (width_of(text) <= width) return std::string(text);
  size_t end = 0;
  for (size_t kept = 0; end < text.size(); end++)
    if ((text[end] & 0xC0) != 0x80 && ++kept + 3 > width) break;
  return std::string(text.substr(0, end)) + "...";
}

}  // namespace fovea::cli
