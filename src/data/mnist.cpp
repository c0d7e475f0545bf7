// The idx files of MNIST (LeCun 1998) and of what took over its format.
#include <cstring>

#include "base/error.h"
#include "base/size.h"
#include "data/readers.h"
#include "io/gzip.h"

namespace fovea {
namespace {

struct Idx {
  std::string path, bytes;
  std::vector<uint32_t> dims;
  size_t begin = 0;  // of the values, one byte each
};

// `rank` dimensions of unsigned bytes; the file must hold exactly what its header claims.
Idx read_idx(const std::string& path, int rank) {
  Idx idx{path, read_maybe_gzip(path), {}, 4 + 4 * static_cast<size_t>(rank)};
  auto number = [&](size_t at) {
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) v = v << 8 | static_cast<uint8_t>(idx.bytes[at + i]);
    return v;
  };
  if (idx.bytes.size() < idx.begin)
    fail(Code::bad_file, "{}: got {} bytes, too few for an idx header", path, idx.bytes.size());
  uint32_t magic = number(0), need = 0x800u + static_cast<uint32_t>(rank);
  if (magic != need)
    fail(Code::bad_file, "{}: is not an idx file of {} dimensions: got {:08x} at its start, need {:08x}", path, rank, magic,
         need);
  uint64_t size = 1;
  for (int i = 0; i < rank; i++) {
    idx.dims.push_back(number(4 + 4 * static_cast<size_t>(i)));
    if (!checked_mul(size, idx.dims.back(), size)) fail(Code::bad_file, "{}: its dimensions overflow", path);
  }
  if (size == 0) fail(Code::bad_file, "{}: its header says that it is empty", path);
  if (size != idx.bytes.size() - idx.begin)
    fail(Code::bad_file, "{}: got {} bytes of values, need {} as its header says", path, idx.bytes.size() - idx.begin, size);
  return idx;
}

// Both ways to write the dot are in use.
std::string find_idx(const std::string& dir, const std::string& stem, const std::string& rank) {
  for (const char* dot : {"-", "."}) {
    std::string path = find_maybe_gzip(dir, stem + dot + rank + "-ubyte");
    if (!path.empty()) return path;
  }
  fail(Code::bad_file, "{}: has no {}-{}-ubyte (nor .gz)", dir, stem, rank);
}

Dataset open_idx(const std::string& dir, const std::string& split, const DataOptions& options,
                 std::vector<std::string> classes) {
  std::string part = split == "train" ? "train" : "t10k";
  Idx images = read_idx(find_idx(dir, part + "-images", "idx3"), 3),
      labels = read_idx(find_idx(dir, part + "-labels", "idx1"), 1);
  if (images.dims[0] != labels.dims[0])
    fail(Code::bad_file, "{}: has {} labels, need {}, one for each picture", labels.path, labels.dims[0], images.dims[0]);
  if (images.dims[1] > 4096 || images.dims[2] > 4096)
    fail(Code::bad_file, "{}: got pictures of {}x{}, need at most 4096x4096", images.path, images.dims[2], images.dims[1]);
  Dataset data;
  data.classes = std::move(classes);
  data.h = static_cast<int>(images.dims[1]), data.w = static_cast<int>(images.dims[2]), data.channels = 1;
  for (size_t i = 0; i < labels.dims[0]; i++) {
    data.labels.push_back(static_cast<uint8_t>(labels.bytes[labels.begin + i]));
    if (data.labels.back() > 9) fail(Code::bad_file, "{}: entry {} is {}, need 0 to 9", labels.path, i, data.labels.back());
  }
  data.pixels.assign(images.bytes.begin() + static_cast<ptrdiff_t>(images.begin), images.bytes.end());
  match_classes(data, options.classes, dir);
  return data;
}

}  // namespace

Dataset open_mnist(const std::string& dir, const std::string& split, const DataOptions& options) {
  return open_idx(dir, split, options, {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"});
}

Dataset open_fashion_mnist(const std::string& dir, const std::string& split, const DataOptions& options) {
  return open_idx(
      dir, split, options,
      {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"});
}

}  // namespace fovea
