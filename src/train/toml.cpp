// Recipes: TOML whose tables and keys are the registry's sections and options.
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/text.h"
#include "train/config.h"

namespace fovea {
namespace {

constexpr uint64_t kMostBytes = 256 << 10;

std::string place(const std::string& path, const toml::node& node) {
  return fmt::format("{}:{}", path, node.source().begin.line);
}

// The value as the text that set_option takes; lists may hold single values only.
std::string text_of(const toml::node& node, const std::string& where, bool in_list = false) {
  if (auto* v = node.as_string()) return v->get();
  if (auto* v = node.as_boolean()) return v->get() ? "true" : "false";
  if (auto* v = node.as_integer()) return std::to_string(v->get());
  if (auto* v = node.as_floating_point()) return fmt::format("{}", v->get());
  auto* list = node.as_array();
  if (!list || in_list)
    fail(Code::usage, "{}: a {} is no value of an option", where, in_list ? "list in a list" : "table or date");
  std::string r;
  for (const toml::node& item : *list) r += (r.empty() ? "" : ",") + text_of(item, where, true);
  return r;
}

// A quoted number is a mistake, and so is a bare word where text is wanted.
void check_kind(const toml::node& node, const Option& o, const std::string& where) {
  bool text = std::holds_alternative<std::string TrainConfig::*>(o.field);
  bool list = std::holds_alternative<std::vector<double> TrainConfig::*>(o.field) ||
              std::holds_alternative<std::vector<std::string> TrainConfig::*>(o.field);
  if (node.is_string() == text && node.is_array() == list) return;
  fail(Code::usage, "{}: {}: got a {}, need {}", where, o.name,
       node.is_string()  ? "text"
       : node.is_array() ? "list"
                         : "bare value",
       type_name(o));
}

void set_from(TrainConfig& c, const std::string& key, const toml::node& node, const std::string& path) {
  std::string where = place(path, node), text = text_of(node, where);
  set_option(c, key, text, where);
  for (const Option& o : train_options())
    if (key == o.name || key == std::string(o.section) + "." + o.name) check_kind(node, o, where);
}

bool is_section(std::string_view name) {
  return std::any_of(train_options().begin(), train_options().end(), [&](const Option& o) { return name == o.section; });
}

toml::table parse(const std::string& text, const std::string& path) {
  for (const std::string& line : split(text, '\n'))  // tables in tables in tables: their parser's stack is our stack
    if (std::count(line.begin(), line.end(), '.') > 200) fail(Code::usage, "{}: a line is nested too deep", path);
  try {
    return toml::parse(text, path);
  } catch (const toml::parse_error& e) {
    auto at = e.source().begin;
    fail(Code::usage, "{}:{}:{}: {}", path, at.line, at.column, escape_control(clip(e.description(), 200)));
  }
}

}  // namespace

void read_toml(TrainConfig& c, const std::string& path) {
  std::string text;
  try {
    text = read_file(path, kMostBytes);
  } catch (const Error& e) {
    fail(Code::usage, "{}", e.what());  // a wrong -c is a wrong flag
  }
  parse_toml(c, text, path);
}

void parse_toml(TrainConfig& c, const std::string& text, const std::string& path) {
  for (auto&& [name, node] : parse(text, path)) {
    std::string key(name.str());
    auto* table = node.as_table();
    if (table && !is_section(key))
      fail(Code::usage, "{}: there is no table [{}]", place(path, node), escape_control(key.substr(0, 60)));
    if (!table) {  // an option may stand before the tables
      set_from(c, key, node, path);
      continue;
    }
    for (auto&& [inner, value] : *table) set_from(c, key + "." + std::string(inner.str()), value, path);
  }
}

}  // namespace fovea
