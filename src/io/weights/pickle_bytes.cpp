#include "io/weights/pickle_bytes.h"

#include <algorithm>

#include "base/error.h"

namespace fovea {

PickleBytes::PickleBytes(const InputFile& file, uint64_t most) : file_(file), end_(std::min(file.size(), most)) {}

PickleBytes::PickleBytes(const InputFile& file, std::string text, std::string where)
    : file_(file), where_(std::move(where)), end_(text.size()), window_(std::move(text)) {}

std::string_view PickleBytes::take(uint64_t n) {
  if (n > end_ - at_) bad("truncated: got " + std::to_string(end_ - at_) + " bytes, need " + std::to_string(n), at_);
  if (n > window_.size() - used_) {
    constexpr uint64_t kAhead = 64 << 10;
    window_.erase(0, used_);
    used_ = 0;
    uint64_t have = window_.size(), more = std::min(std::max(n, kAhead), end_ - at_) - have;
    window_.resize(have + more);
    file_.read(at_ + have, window_.data() + have, more);
  }
  std::string_view bytes = std::string_view(window_).substr(used_, n);
  used_ += n;
  at_ += n;
  return bytes;
}

void PickleBytes::bad(const std::string& what, uint64_t at) const {
  fail(Code::bad_file, "{}: bad pickle: {} (byte {}{}{}). The file is damaged or not from torch.save", file_.path(), what,
       at, where_.empty() ? "" : " of ", where_);
}

}  // namespace fovea
