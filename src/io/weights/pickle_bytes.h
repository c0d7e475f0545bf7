// The bytes of pickle streams, from memory or read from a file as far as they are needed.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "io/input_file.h"

namespace fovea {

class PickleBytes {
 public:
  // Of a file: from its start, at most `most` bytes. `where` is for messages: "z/data.pkl", or "" for the file itself.
  PickleBytes(const InputFile& file, uint64_t most);
  PickleBytes(const InputFile& file, std::string text, std::string where);

  // The next n bytes, valid until the next take; an error before anything is allocated if there are fewer.
  std::string_view take(uint64_t n);
  uint64_t at() const { return at_; }
  uint64_t left() const { return end_ - at_; }
  [[noreturn]] void bad(const std::string& what, uint64_t at) const;  // bad_file at a byte of this stream
  const InputFile& file() const { return file_; }

 private:
  const InputFile& file_;
  std::string where_;
  uint64_t at_ = 0, end_ = 0;  // of the stream
  std::string window_;         // bytes [at_ - used_, ...) of it
  size_t used_ = 0;
};

}  // namespace fovea
