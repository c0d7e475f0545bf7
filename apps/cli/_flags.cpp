#include "_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "_output.h"
#include "base/error.h"
#include "base/text.h"

namespace fovea::cli {
namespace {

template <class T>
bool read_number(std::string_view text, T& out) {
  if (text.starts_with('+')) text.remove_prefix(1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

std::string shown(const std::string& text) { return '"' + escape_control(clip(text, 60)) + '"'; }

template <class T>
T number_in(const std::string& name, const std::string& text, T lo, T hi) {
  T v{};
  if (!read_number(text, v) || !(v >= lo && v <= hi))
    fail(Code::usage, "{}: got {}, need {} from {} to {}", name, shown(text),
         std::is_integral_v<T> ? "a whole number" : "a number", lo, hi);
  return v;
}

std::string long_name(const std::string& name) { return name.substr(0, name.find(',')); }

bool answers_to(const Flag& f, const std::string& name) {
  std::vector<std::string> names = split(f.name, ',');
  return std::find(names.begin(), names.end(), name) != names.end();
}

// `; did you mean "--lr"?`, or just the end of the sentence.
std::string near(const std::string& name, const std::vector<std::string>& names) {
  std::string s = suggestion(name, names);
  return s.empty() ? "." : s;
}

bool is_flag(const std::string& arg) { return arg.size() > 1 && arg[0] == '-'; }

}  // namespace

uint64_t parse_bytes(const std::string& text, const std::string& where) {
  static constexpr std::string_view kUnits = "KMGT";
  size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  std::string unit = text.substr(digits);
  for (const char* tail : {"iB", "B"})
    if (unit.size() > 1 && unit.ends_with(tail)) unit.resize(unit.size() - std::string_view(tail).size());
  size_t power = unit.size() == 1 ? kUnits.find(static_cast<char>(std::toupper(unit[0]))) : kUnits.npos;
  double value = 0;
  bool good = read_number(std::string_view(text).substr(0, digits), value) && (unit.empty() || power != kUnits.npos);
  double bytes = std::ldexp(value, unit.empty() ? 0 : 10 * static_cast<int>(power + 1));
  if (!good || !(bytes >= 1 && bytes < 0x1p60))
    fail(Code::usage, "{}: got {}, need a size as 512M or 2G", where, shown(text));
  return static_cast<uint64_t>(bytes);
}

void Flags::add(Flag flag) {
  if (flag.section.empty()) flag.section = section_;
  flags_.push_back(std::move(flag));
}

void Flags::flag(const std::string& name, bool& out, const std::string& help) {
  add({name, "", help, [&out](const std::string&) { out = true; }, ""});
}

void Flags::text(const std::string& name, const std::string& value, std::string& out, const std::string& help) {
  auto set = [&out, name, value](const std::string& t) {  // an empty one is a variable that the shell did not know
    if (t.empty()) fail(Code::usage, "{}: the value is empty, need {}", long_name(name), value);
    out = t;
  };
  add({name, value, help, set, ""});
}

void Flags::choice(const std::string& name, std::vector<std::string> choices, std::string& out, const std::string& help) {
  std::string list = fmt::format("{}", fmt::join(choices, "|"));
  auto set = [&out, name, choices, list](const std::string& t) {
    if (std::find(choices.begin(), choices.end(), t) == choices.end())
      fail(Code::usage, "{}: got {}, need {}{}", long_name(name), shown(t), list, suggestion(t, choices));
    out = t;
  };
  add({name, list, help, set, ""});
}

void Flags::number(const std::string& name, int& out, int lo, int hi, const std::string& help) {
  auto set = [=, &out](const std::string& t) { out = number_in(long_name(name), t, lo, hi); };
  add({name, "N", help, set, ""});
}

void Flags::number(const std::string& name, double& out, double lo, double hi, const std::string& help) {
  auto set = [=, &out](const std::string& t) { out = number_in(long_name(name), t, lo, hi); };
  add({name, "X", help, set, ""});
}

void Flags::numbers(const std::string& name, std::vector<float>& out, double lo, double hi, const std::string& help) {
  auto set = [=, &out](const std::string& t) {
    out.clear();
    for (const std::string& part : split(t, ',')) out.push_back(static_cast<float>(number_in(name, part, lo, hi)));
    if (out.size() != 1 && out.size() != 3) fail(Code::usage, "{}: got {} numbers, need 1 or 3", name, out.size());
  };
  add({name, "R,G,B", help, set, ""});
}

void Flags::bytes(const std::string& name, uint64_t& out, const std::string& help) {
  add({name, "SIZE", help, [name, &out](const std::string& t) { out = parse_bytes(t, name); }, ""});
}

void Flags::name(const std::string& value, std::string& out, bool needed) { words_.push_back({value, &out, needed}); }

void Flags::names(const std::string& value, std::vector<std::string>& out, size_t least) {
  rest_value_ = value, rest_ = &out, rest_least_ = least;
}

const Flag& Flags::find(const std::string& name) const {
  std::vector<std::string> names;
  for (const Flag& f : flags_) {
    if (answers_to(f, name)) return f;
    names.push_back(long_name(f.name));
  }
  std::string verb = usage_.substr(0, usage_.find(' '));
  fail(Code::usage, "{}: there is no option {}{} fovea {} --help lists them", verb, shown(name), near(name, names), verb);
}

bool Flags::parse(std::span<const std::string> args) {
  std::vector<std::string> words;
  bool only_words = false;
  for (size_t i = 0; i < args.size(); i++) {
    const std::string& arg = args[i];
    if (only_words || !is_flag(arg)) {
      words.push_back(arg);
    } else if (arg == "--") {
      only_words = true;
    } else if (arg == "--help" || arg == "-h") {
      print(help());
      return false;
    } else {
      size_t equals = arg.starts_with("--") ? arg.find('=') : arg.npos;
      const Flag& f = find(arg.substr(0, equals));
      std::string name = long_name(f.name);
      if (f.value.empty() && equals != arg.npos) fail(Code::usage, "{}: takes no value", name);
      if (!f.value.empty() && equals == arg.npos && i + 1 == args.size())
        fail(Code::usage, "{}: the value is missing, need {}", name, f.value);
      f.set(f.value.empty() ? "" : equals != arg.npos ? arg.substr(equals + 1) : args[++i]);
    }
  }
  take_words(words);
  return true;
}

void Flags::take_words(const std::vector<std::string>& words) {
  std::string verb = usage_.substr(0, usage_.find(' '));
  size_t at = 0;
  for (const Word& w : words_) {
    if (at < words.size())
      *w.out = words[at++];
    else if (w.needed)
      fail(Code::usage, "{}: {} is missing. Usage: fovea {}", verb, w.value, usage_);
  }
  if (at < words.size() && !rest_)
    fail(Code::usage, "{}: {} is one too many. Usage: fovea {}", verb, shown(words[at]), usage_);
  if (rest_) rest_->assign(words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
  if (rest_ && rest_->size() < rest_least_)
    fail(Code::usage, "{}: {} is missing. Usage: fovea {}", verb, rest_value_, usage_);
}

std::string Flags::help() const {
  std::string out = fmt::format("Usage: fovea {}\n\n{}\n", usage_, about_), section;
  size_t width = 0;
  auto left = [](const Flag& f) {
    size_t comma = f.name.find(',');
    std::string shorter = comma == f.name.npos ? "" : f.name.substr(comma + 1) + ", ";
    return fmt::format("{:4}{}{}{}", shorter, long_name(f.name), f.value.empty() ? "" : " ", f.value);
  };
  std::vector<Flag> listed;
  std::copy_if(flags_.begin(), flags_.end(), std::back_inserter(listed), [](const Flag& f) { return !f.help.empty(); });
  for (const Flag& f : listed) width = std::max(width, std::min<size_t>(left(f).size(), 30));
  for (const Flag& f : listed) {
    if (f.section != section) out += fmt::format("\n{}:\n", section = f.section);
    std::string name = left(f);
    if (name.size() > width) name += fmt::format("\n  {:{}}", "", width);
    out += fmt::format("  {:{}}  {}\n", name, width, f.help);
  }
  return out;
}

}  // namespace fovea::cli
