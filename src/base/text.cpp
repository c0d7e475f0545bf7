#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <numeric>

namespace fovea {
namespace {

// Bytes of the UTF-8 sequence that begins at text[i]; 0 if there is no valid one (overlong, surrogate, cut short, ...).
size_t utf8_length(std::string_view text, size_t i) {
  auto byte = [&](size_t k) { return k < text.size() ? static_cast<unsigned char>(text[k]) : 0u; };
  auto tail = [&](size_t k) { return (byte(k) & 0xC0) == 0x80; };
  unsigned a = byte(i), b = byte(i + 1);
  if (a < 0x80) return 1;
  if (a < 0xC2) return 0;
  if (a < 0xE0) return tail(i + 1) ? 2 : 0;
  if (a < 0xF0) {
    bool overlong = a == 0xE0 && b < 0xA0, surrogate = a == 0xED && b >= 0xA0;
    return !overlong && !surrogate && tail(i + 1) && tail(i + 2) ? 3 : 0;
  }
  bool overlong = a == 0xF0 && b<0x90, too_high = a> 0xF4 || (a == 0xF4 && b >= 0x90);
  return !overlong && !too_high && tail(i + 1) && tail(i + 2) && tail(i + 3) ? 4 : 0;
}

// U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069: they turn the direction of text, or end a line.
bool turns_or_breaks(std::string_view c) {
  if (c == "\xD8\x9C") return true;
  if (c.size() != 3 || c[0] != '\xE2') return false;
  auto b = static_cast<unsigned char>(c[2]);
  if (c[1] == '\x80') return b == 0x8E || b == 0x8F || (b >= 0xA8 && b <= 0xAE);
  return c[1] == '\x81' && b >= 0xA6 && b <= 0xA9;
}

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Copies `text`, with `escape(c)` in place of every ASCII character for which it is not empty, and U+FFFD for bad bytes.
template <class F>
std::string replace_each(std::string_view text, F escape) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    size_t length = utf8_length(text, i);
    std::string with = length == 1 ? escape(text[i]) : std::string(length ? "" : kReplacement);
    length = std::max<size_t>(length, 1);
    out += with.empty() ? text.substr(i, length) : std::string_view(with);
    i += length;
  }
  return out;
}

// Lower case, and one spelling for - and _: what a typo is not about.
std::string folded(std::string_view word) {
  std::string out(word);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '-') c = '_';
  }
  return out;
}

// Insertions, deletions, substitutions and swaps of neighbours that turn a into b.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), 0);
  for (size_t i = 1; i <= a.size(); i++) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); j++) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

// The end of the class "[...]" that begins at p, or npos when it is not closed (then '[' stands for itself).
size_t class_end(std::string_view pattern, size_t p) {
  size_t first = p + 1 + (p + 1 < pattern.size() && pattern[p + 1] == '!');
  return pattern.find(']', first + 1);
}

bool in_class(std::string_view set, char c) {
  bool negated = set[0] == '!', found = false;
  for (size_t i = negated; i < set.size(); i++) {
    bool range = i + 2 < set.size() && set[i + 1] == '-';
    found = found || (range ? set[i] <= c && c <= set[i + 2] : set[i] == c);
    if (range) i += 2;
  }
  return found != negated;
}

// Whether the single item of the pattern at p accepts c; `p` moves past the item.
bool item_accepts(std::string_view pattern, size_t& p, char c) {
  size_t end = pattern[p] == '[' ? class_end(pattern, p) : std::string_view::npos;
  if (end != std::string_view::npos) {
    std::string_view set = pattern.substr(p + 1, end - p - 1);
    p = end + 1;
    return in_class(set, c);
  }
  char want = pattern[p++];
  return want == '?' || want == c;
}

}  // namespace

std::string escape_control(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    size_t length = utf8_length(text, i);
    auto c = static_cast<unsigned char>(text[i]);
    bool c1 = length == 2 && c == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0;  // terminals obey these too
    bool print = length > 0 && c >= 0x20 && c != 0x7F && !c1 && !turns_or_breaks(text.substr(i, length));
    if (print) out += text.substr(i, length);
    for (size_t k = 0; !print && k < std::max<size_t>(length, 1); k++) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[i + k]));
    }
    i += std::max<size_t>(length, 1);
  }
  return out;
}

std::string clip(std::string_view text, size_t most) {
  if (text.size() <= most) return std::string(text);
  constexpr std::string_view kGap = "...";
  std::vector<size_t> begins;
  for (size_t i = 0; i < text.size(); i += std::max<size_t>(utf8_length(text, i), 1)) begins.push_back(i);
  if (begins.size() <= most) return std::string(text);
  size_t kept = most - std::min(most, kGap.size()), tail = kept / 2;
  begins.push_back(text.size());
  std::string out(text.substr(0, begins[kept - tail]));
  return out.append(kGap).append(text.substr(begins[begins.size() - 1 - tail]));
}

std::string printable(std::string_view name) { return clip(escape_control(name), 200); }

// '<' is escaped so that the text is also safe within a <script> element.
std::string escape_json(std::string_view text) {
  return replace_each(text, [](char c) -> std::string {
    if (c == '"') return "\\\"";
    if (c == '\\') return "\\\\";
    if (c == '\n') return "\\n";
    if (c == '\r') return "\\r";
    if (c == '\t') return "\\t";
    return c == '<' || static_cast<unsigned char>(c) < 0x20 ? fmt::format("\\u{:04x}", static_cast<unsigned>(c)) : "";
  });
}

std::string escape_xml(std::string_view text) {
  return replace_each(text, [](char c) -> std::string {
    if (c == '&') return "&amp;";
    if (c == '<') return "&lt;";
    if (c == '>') return "&gt;";
    if (c == '"') return "&quot;";
    if (c == '\'') return "&#39;";
    bool forbidden = static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
    return std::string(forbidden ? kReplacement : "");
  });
}

std::string escape_csv(std::string_view text) {
  double number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  bool is_number = error == std::errc() && end == text.data() + text.size();
  bool formula = !text.empty() && std::string_view("=+-@\t\r").find(text[0]) != text.npos && !is_number;
  std::string out = formula ? "'" : "";
  out += text;
  if (out.find_first_of(",\"\n\r") == out.npos) return out;
  std::string quoted = "\"";
  for (char c : out) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::vector<std::string> nearest(std::string_view word, std::span<const std::string> names, size_t most) {
  constexpr size_t kLongest = 100;  // longer is no typo, and the distance costs length squared
  if (word.empty() || word.size() > kLongest) return {};
  std::string want = folded(word);
  size_t limit = std::max<size_t>(1, want.size() / 3);
  std::vector<std::pair<size_t, std::string>> found;
  for (const std::string& name : names) {
    std::string have = folded(name);
    size_t distance = have.size() <= kLongest ? edit_distance(want, have) : kLongest;
    bool begins = want.size() >= 3 && have.starts_with(want);  // a name not typed to its end comes after the typos
    if (distance <= limit || begins) found.emplace_back(distance <= limit ? distance : limit + distance, name);
  }
  std::stable_sort(found.begin(), found.end(), [](auto& a, auto& b) { return a.first < b.first; });
  std::vector<std::string> out;
  for (size_t i = 0; i < std::min(most, found.size()); i++) out.push_back(found[i].second);
  return out;
}

std::string suggestion(std::string_view word, std::span<const std::string> names) {
  std::vector<std::string> near = nearest(word, names);
  if (near.empty()) return "";
  std::string out = "; did you mean ";
  for (size_t i = 0; i < near.size(); i++) {
    if (i > 0) out += i + 1 == near.size() ? " or " : ", ";
    out += '"' + near[i] + '"';
  }
  return out + '?';
}

std::string human_bytes(double bytes) {
  if (bytes < 0) return "-" + human_bytes(-bytes);
  if (bytes < 1023.5) return fmt::format("{:.0f} B", bytes);
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  size_t unit = 0;
  double value = bytes / 1024;
  for (; value >= 1023.95 && unit + 1 < std::size(kUnits); unit++) value /= 1024;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string group_digits(int64_t value) {
  std::string digits = std::to_string(value);
  size_t first = value < 0 ? 1 : 0;
  for (size_t i = digits.size(); i > first + 3;) digits.insert(i -= 3, ",");
  return digits;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (size_t begin = 0;;) {
    size_t end = text.find(separator, begin);
    parts.emplace_back(text.substr(begin, end - begin));
    if (end == text.npos) return parts;
    begin = end + 1;
  }
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  size_t begin = text.find_first_not_of(kSpace);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// Only the last * is ever tried again, so the time is at most pattern x text.
bool glob_match(std::string_view pattern, std::string_view text) {
  constexpr size_t none = std::string_view::npos;
  size_t p = 0, t = 0, star = none, retry = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p, retry = t;
    } else if (size_t next = p; p < pattern.size() && item_accepts(pattern, next, text[t])) {
      p = next, t++;
    } else if (star != none) {
      p = star, t = ++retry;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == none;
}

}  // namespace fovea
