// JSON events with everything refused: a reader overrides what its format allows. No recursion, no tree, duplicate keys and
// depth are the reader's own to track because only it knows the few levels that its format has.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/error.h"

namespace fovea {

class StrictJson : public nlohmann::json_sax<nlohmann::json> {
 public:
  StrictJson(std::string path, uint64_t base) : path_(std::move(path)), base_(base) {}
  void parse(std::string_view text) {
    if (size_t at = text.find('\0'); at != text.npos)  // nlohmann would stop there and call it the end
      fail(Code::bad_file, "{}: the JSON is damaged (byte {}): unexpected NUL. Download the file again", path_, base_ + at);
    nlohmann::json::sax_parse(text.begin(), text.end(), this);
  }

  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("a boolean"); }
  bool number_integer(int64_t value) override { return unexpected(value ? "a negative number" : "the number -0"); }
  bool number_unsigned(uint64_t) override { return unexpected("a number"); }
  bool number_float(double, const std::string&) override { return unexpected("a fraction"); }
  bool string(std::string&) override { return unexpected("a string"); }
  bool binary(binary_t&) override { return unexpected("binary data"); }
  bool start_object(size_t) override { return unexpected("an object"); }
  bool start_array(size_t) override { return unexpected("an array"); }
  bool end_object() override { return true; }
  bool end_array() override { return true; }
  bool key(std::string& name) override { return unexpected(("the key \"" + name.substr(0, 80) + "\"").c_str()); }

  // nlohmann's own text quotes the input at length; its position is what helps.
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception& error) override {
    std::string_view what = error.what();
    what = what.substr(0, what.rfind("; last read"));
    for (std::string_view mark : {"] ", ": "})
      if (size_t start = what.find(mark); start != what.npos) what.remove_prefix(start + 2);
    fail(Code::bad_file, "{}: the JSON is damaged (byte {}): {}. Download the file again", path_, base_ + position,
         what.substr(0, 120));
  }

 protected:
  // Where in the document the reader is, for messages.
  virtual std::string place() const = 0;
  [[noreturn]] bool unexpected(const char* got) const {
    fail(Code::bad_file, "{}: the JSON does not fit its format ({}): unexpected {}. The file is damaged", path_, place(),
         got);
  }

  std::string path_;
  uint64_t base_;  // of the text in the file
};

}  // namespace fovea
