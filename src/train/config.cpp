#include "train/config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "base/error.h"
#include "base/text.h"

namespace fovea {
namespace {

using Numbers = std::vector<double>;
using Texts = std::vector<std::string>;

std::string full_name(const Option& o) { return std::string(o.section) + "." + o.name; }

const Option& find_option(std::string_view key, const std::string& where) {
  Texts names;
  for (const Option& o : train_options()) {
    if (key == o.name || key == full_name(o)) return o;
    names.push_back(o.name);
  }
  std::string last(key.substr(key.rfind('.') + 1));
  fail(Code::usage, "{}: there is no option \"{}\"{}", where, escape_control(clip(key, 60)), suggestion(last, names));
}

// One text for one option: parse() per type, all failing in the same words.
struct Reader {
  const Option& o;
  const std::string& where;

  [[noreturn]] void wrong(std::string_view got, const std::string& need) const {
    std::string name = where == std::string("--") + o.name ? where : where + ": " + o.name;
    fail(Code::usage, "{}: got {}, need {}", name, got.empty() ? "nothing" : escape_control(clip(got, 60)), need);
  }
  template <class T>
  void number(std::string_view text, T& v, const char* kind) const {
    std::string_view t = trim(text);
    if (t.starts_with('+')) t.remove_prefix(1);
    T r{};
    auto [end, error] = std::from_chars(t.data(), t.data() + t.size(), r);
    bool whole = error == std::errc() && end == t.data() + t.size();
    if (!whole || !(static_cast<double>(r) >= o.lo && static_cast<double>(r) <= o.hi))  // nan is in no range
      wrong(text, fmt::format("{} from {} to {}", kind, o.lo, o.hi));
    v = r;
  }
  Texts list(std::string_view text) const {
    std::string_view t = trim(text);
    if (t.starts_with('[') && t.ends_with(']')) t = trim(t.substr(1, t.size() - 2));
    Texts r;
    if (!t.empty())
      for (const std::string& part : split(t, ',')) r.emplace_back(trim(part));
    return r;
  }

  void parse(std::string_view text, int& v) const { number(text, v, "a whole number"); }
  void parse(std::string_view text, double& v) const { number(text, v, "a number"); }
  void parse(std::string_view text, bool& v) const {
    if (text != "true" && text != "false") wrong(text, "true or false");
    v = text == "true";
  }
  void parse(std::string_view text, std::string& v) const {
    if (!o.choices.empty() && std::find(o.choices.begin(), o.choices.end(), text) == o.choices.end()) {
      Texts named(o.choices.begin() + (o.choices[0].empty() ? 1 : 0), o.choices.end());
      wrong(text, fmt::format("one of {}{}", fmt::join(named, " "), suggestion(text, named)));
    }
    if (text.size() > 4096) wrong(text, "at most 4096 characters");
    v = text;
  }
  void parse(std::string_view text, Numbers& v) const {
    Numbers r;
    for (const std::string& part : list(text)) parse(part, r.emplace_back());
    v = r;
  }
  void parse(std::string_view text, Texts& v) const { v = list(text); }
};

std::string literal(int v) { return std::to_string(v); }
std::string literal(double v) { return fmt::format("{}", v); }
std::string literal(bool v) { return v ? "true" : "false"; }
std::string literal(const std::string& v) { return '"' + escape_json(v) + '"'; }
template <class T>
std::string literal(const std::vector<T>& v) {
  std::string r;
  for (const T& item : v) r += (r.empty() ? "" : ", ") + literal(item);
  return "[" + r + "]";
}

std::string value_text(const TrainConfig& c, const Option& o) {
  return std::visit([&](auto field) { return literal(c.*field); }, o.field);
}

}  // namespace

std::string default_text(const Option& o) { return value_text(TrainConfig{}, o); }

std::string type_name(const Option& o) {
  static const char* const names[] = {"int", "number", "true|false", "text", "numbers", "texts"};
  return names[o.field.index()];
}

void set_option(TrainConfig& c, std::string_view key, std::string_view text, const std::string& where) {
  const Option& o = find_option(key, where);
  std::visit([&](auto field) { Reader{o, where}.parse(text, c.*field); }, o.field);
}

void set_assignment(TrainConfig& c, std::string_view assignment) {
  size_t equal = assignment.find('=');
  if (equal == assignment.npos) fail(Code::usage, "--set {}: need KEY=VALUE", escape_control(clip(assignment, 60)));
  set_option(c, trim(assignment.substr(0, equal)), trim(assignment.substr(equal + 1)), "--set");
}

void read_environment(TrainConfig& c) {
  for (char** at = environ; *at; at++) {
    std::string_view entry = *at;
    if (!entry.starts_with("FOVEA_TRAIN_")) continue;
    std::string name(entry.substr(0, entry.find('='))), key = name.substr(12);
    for (char& ch : key) ch = ch == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(ch)));
    set_option(c, key, entry.substr(name.size() + 1), name);
  }
}

void check(const TrainConfig& c) {
  auto need = [](bool ok, const char* name, const std::string& what) {
    if (!ok) fail(Code::usage, "{}: need {}", name, what);
  };
  need(!c.model.empty(), "model", "an architecture. Try --model resnet20_cifar, or see `fovea models`");
  need(!c.data.empty(), "data", "training pictures. Try --data folder:DIR");
  need(c.in_chans != 2, "in-chans", "1 or 3");
  for (auto [name, v] : {std::pair{"mean", &c.mean}, {"std", &c.std}})
    need(v->empty() || v->size() == 1 || v->size() == 3, name, "1 or 3 numbers");
  need(c.mean.size() == c.std.size(), "mean, std", "as many numbers of one as of the other");
  for (auto [name, v] : {std::pair{"scale", &c.scale}, {"ratio", &c.ratio}})
    need(v->size() == 2 && v->at(0) <= v->at(1), name, "two numbers, the smaller first");
  need(c.opt_betas.size() == 2, "opt-betas", "two numbers");
  need(c.warmup_epochs <= c.epochs, "warmup-epochs", "at most the number of epochs, " + std::to_string(c.epochs));
  need(c.min_lr <= c.lr, "min-lr", fmt::format("at most lr, {}", c.lr));
}

std::string to_toml(const TrainConfig& c) {
  std::string r, section;
  for (const Option& o : train_options()) {
    if (section != o.section) r += fmt::format("{}[{}]\n", r.empty() ? "" : "\n", section = o.section);
    r += fmt::format("{} = {}\n", o.name, value_text(c, o));
  }
  return r;
}

std::vector<std::string> conflicts(const TrainConfig& now, const TrainConfig& before) {
  Texts r;
  for (const Option& o : train_options())
    if (std::string a = value_text(now, o), b = value_text(before, o); !o.same_bits && a != b)
      r.push_back(fmt::format("{} ({}, was {})", o.name, a, b));
  return r;
}

}  // namespace fovea
