#include "io/weights/contents.h"

#include "base/error.h"
#include "base/size.h"
#include "base/text.h"

namespace fovea {

uint64_t checked_bytes(const std::string& path, std::string_view name, FileType type, const std::vector<int64_t>& shape) {
  if (name.size() > kMaxName)
    fail(Code::bad_file, "{}: tensor {} has too long a name: got {} bytes, need at most 1 MiB. The file is damaged", path,
         shown(name), name.size());
  if (shape.size() > kMaxRank)
    fail(Code::bad_file, "{}: tensor {} has too many dimensions: got {}, need at most {}. The file is damaged", path,
         shown(name), shape.size(), kMaxRank);
  uint64_t bytes = file_type_bytes(type);
  for (int64_t dim : shape) {
    if (dim < 0 || dim > kMaxDim)
      fail(Code::bad_file, "{}: tensor {} has a dimension out of range: got {}, need 0 to {}. The file is damaged", path,
           shown(name), dim, kMaxDim);
    if (!checked_mul(bytes, static_cast<uint64_t>(dim), bytes))
      fail(Code::bad_file, "{}: size overflows (tensor {}): need at most 2^47 bytes. The file is damaged", path,
           shown(name));
  }
  return bytes;
}

std::string shown(std::string_view name) { return '"' + clip(name, 80) + '"'; }

}  // namespace fovea
