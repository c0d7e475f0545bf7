// A reader of JSON that refuses everything: a format overrides the events that it has, at the depth where it has them.
// No tree and no recursion, so memory is what the override keeps.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace fovea {

class StrictJson {
 public:
  // `base` is the offset of the text in the file.
  StrictJson(std::string path, uint64_t base) : path_(std::move(path)), base_(base) {}
  virtual ~StrictJson() = default;
  void parse(std::string_view text);

  virtual void null() { unexpected("null"); }
  virtual void boolean() { unexpected("a boolean"); }
  virtual void negative(int64_t value) { unexpected(value ? "a negative number" : "the number -0"); }
  virtual void number(uint64_t) { unexpected("a number"); }
  virtual void fraction() { unexpected("a fraction"); }  // or an integer beyond 64 bits
  virtual void string(std::string&) { unexpected("a string"); }
  virtual void begin_object() { unexpected("an object"); }
  virtual void begin_array() { unexpected("an array"); }
  virtual void end_object() {}
  virtual void end_array() {}
  virtual void key(std::string& name);

  // A damaged text, found by the parser.
  [[noreturn]] void damaged(uint64_t position, std::string_view what) const;

 protected:
  virtual std::string place() const = 0;  // where in the document the reader is, for messages
  [[noreturn]] void unexpected(const std::string& got) const;

  std::string path_;
  uint64_t base_;
};

}  // namespace fovea
