#include "io/weights/strict_json.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "io/weights/contents.h"

namespace fovea {

namespace {

class Events : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Events(StrictJson& to) : to_(to) {}
  bool null() override { return to_.null(), true; }
  bool boolean(bool) override { return to_.boolean(), true; }
  bool number_integer(int64_t value) override { return to_.negative(value), true; }  // only if there is a minus
  bool number_unsigned(uint64_t value) override { return to_.number(value), true; }
  bool number_float(double, const std::string&) override { return to_.fraction(), true; }
  bool string(std::string& text) override { return to_.string(text), true; }
  bool binary(binary_t&) override { return false; }  // not in JSON
  bool start_object(size_t) override { return to_.begin_object(), true; }
  bool start_array(size_t) override { return to_.begin_array(), true; }
  bool end_object() override { return to_.end_object(), true; }
  bool end_array() override { return to_.end_array(), true; }
  bool key(std::string& name) override { return to_.key(name), true; }

  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception& error) override {
    std::string_view what = error.what();  // "[json.exception...] parse error at ...: WHAT; last read: INPUT"
    what = what.substr(0, what.rfind("; last read"));
    for (std::string_view mark : {"] ", ": "})
      if (size_t start = what.find(mark); start != what.npos) what.remove_prefix(start + 2);
    to_.damaged(position, clip(what, 120));
  }

 private:
  StrictJson& to_;
};

}  // namespace

void StrictJson::parse(std::string_view text) {
  if (size_t at = text.find('\0'); at != text.npos) damaged(at, "unexpected NUL");  // nlohmann would call it the end
  Events events(*this);
  nlohmann::json::sax_parse(text.begin(), text.end(), &events);
}

void StrictJson::key(std::string& name) { unexpected("key " + shown(name)); }

void StrictJson::damaged(uint64_t position, std::string_view what) const {
  fail(Code::bad_file, "{}: the JSON is damaged (byte {}): {}. Download the file again", path_, base_ + position, what);
}

void StrictJson::unexpected(const std::string& got) const {
  fail(Code::bad_file, "{}: the JSON does not fit its format ({}): unexpected {}. The file is damaged", path_, place(), got);
}

}  // namespace fovea
