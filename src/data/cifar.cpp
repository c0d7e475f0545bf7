// CIFAR-10 (Krizhevsky 2009) as its binary batches, or as packs of small JPEGs that share one header.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <mutex>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/text.h"
#include "base/threads.h"
#include "data/readers.h"
#include "io/gzip.h"

namespace fovea {
namespace {

constexpr int kSide = 32, kPlane = kSide * kSide, kRecord = 1 + 3 * kPlane;

const std::vector<std::string> kClasses = {"airplane", "automobile", "bird",  "cat",  "deer",
                                           "dog",      "frog",       "horse", "ship", "truck"};

void add_label(Dataset& data, const std::string& path, uint8_t label, size_t record) {
  if (label > 9) fail(Code::bad_file, "{}: record {} has the label {}, need 0 to 9", path, record, label);
  data.labels.push_back(label);
}

// Records of a label byte and three planes.  // [3,32,32] -> [32,32,3]
void add_batch(Dataset& data, const std::string& path) {
  std::string bytes = read_maybe_gzip(path, uint64_t{512} << 20);
  if (bytes.empty() || bytes.size() % kRecord != 0)
    fail(Code::bad_file, "{}: got {} bytes, need a multiple of {} (a label and 3x32x32 pixels)", path, bytes.size(),
         kRecord);
  size_t n = bytes.size() / kRecord, before = data.labels.size();
  data.pixels.resize((before + n) * 3 * kPlane);
  for (size_t i = 0; i < n; i++) {
    auto* from = reinterpret_cast<const uint8_t*>(bytes.data()) + i * kRecord;
    add_label(data, path, from[0], i);
    uint8_t* to = &data.pixels[(before + i) * 3 * kPlane];
    for (int p = 0; p < kPlane; p++) {
      for (int c = 0; c < 3; c++) to[p * 3 + c] = from[1 + c * kPlane + p];
    }
  }
}

// The names of ten other classes in the same format.
std::vector<std::string> read_names(const std::string& path) {
  std::vector<std::string> names;
  for (const std::string& line : split(read_file(path, 1 << 20), '\n'))
    if (!trim(line).empty()) names.emplace_back(trim(line));
  if (names.size() != kClasses.size())
    fail(Code::bad_file, "{}: got the names {}, need {}, one in each line", path, list_names(names, 3), kClasses.size());
  return names;
}

struct Pack {
  std::string_view header;
  std::vector<std::string_view> bodies;  // header + body is a JPEG file
};

Pack parse_pack(Dataset& data, const std::string& path, std::string_view bytes) {
  auto number = [&](size_t at, int n) {
    uint32_t v = 0;
    for (int i = 0; i < n; i++) v |= uint32_t{static_cast<uint8_t>(bytes[at + i])} << 8 * i;
    return v;
  };
  if (!bytes.starts_with("JPGPACK1") || bytes.size() < 16) fail(Code::bad_file, "{}: is not a jpgpack file", path);
  size_t count = number(8, 4), header = number(12, 4), at = 16 + header;
  if (at > bytes.size() || count > (bytes.size() - at) / 3)
    fail(Code::bad_file, "{}: is truncated: got {} bytes, too few for {} pictures", path, bytes.size(), count);
  Pack pack{bytes.substr(16, header), {}};
  for (size_t i = 0; i < count; i++) {
    if (bytes.size() - at < 3 || bytes.size() - at - 3 < number(at + 1, 2))
      fail(Code::bad_file, "{}: is truncated in picture {} of {}", path, i, count);
    add_label(data, path, static_cast<uint8_t>(bytes[at]), i);
    pack.bodies.push_back(bytes.substr(at + 3, number(at + 1, 2)));
    at += 3 + pack.bodies.back().size();
  }
  if (at != bytes.size() || count == 0)
    fail(Code::bad_file, "{}: got {} bytes, need {} for its {} pictures", path, bytes.size(), at, count);
  return pack;
}

// Decoded at once: a training run would otherwise do it again in every epoch.
void add_pack(Dataset& data, const std::string& path) {
  std::string bytes = read_maybe_gzip(path);
  Pack pack = parse_pack(data, path, bytes);
  data.pixels.resize(pack.bodies.size() * 3 * kPlane);
  std::mutex mutex;
  size_t first_bad = pack.bodies.size();
  std::string reason;
  Pool(available_threads()).each(static_cast<int64_t>(pack.bodies.size()), [&](int64_t i) {
    try {
      std::string jpeg(pack.header);
      jpeg += pack.bodies[i];
      Image image = decode_image(as_bytes(jpeg), fmt::format("{}#{}", path, i), {.pixels = 1 << 20});
      if (image.h != kSide || image.w != kSide)
        fail(Code::bad_file, "{}#{}: got {}x{} pixels, need 32x32", path, i, image.w, image.h);
      std::copy(image.pixels.begin(), image.pixels.end(), &data.pixels[i * 3 * kPlane]);
    } catch (const std::exception& e) {
      std::lock_guard lock(mutex);
      if (static_cast<size_t>(i) < first_bad) first_bad = static_cast<size_t>(i), reason = e.what();
    }
  });
  if (!reason.empty()) fail(Code::bad_file, "{}", reason);
}

}  // namespace

Dataset open_cifar10(const std::string& dir, const std::string& split, const DataOptions& options) {
  Dataset data;
  data.classes = kClasses;
  data.h = data.w = kSide;
  bool train = split == "train";
  std::vector<std::string> found;
  for (const std::string& folder : {dir, dir + "/cifar-10-batches-bin"}) {
    for (int i = 1; i <= (train ? 5 : 1); i++) {
      std::string path = find_maybe_gzip(folder, train ? fmt::format("data_batch_{}.bin", i) : "test_batch.bin");
      if (!path.empty()) found.push_back(path);
    }
    if (found.empty()) continue;
    if (std::string names = folder + "/batches.meta.txt"; std::filesystem::exists(names)) data.classes = read_names(names);
    break;
  }
  for (const std::string& path : found) add_batch(data, path);
  if (train && !found.empty() && found.size() < 5)
    data.notes.push_back(
        fmt::format("{}: {} of the 5 training batches are here, {} pictures", dir, found.size(), data.size()));
  if (found.empty()) {
    std::string pack = find_maybe_gzip(dir, train ? "train.jpgpack" : "test.jpgpack");
    if (pack.empty())
      fail(Code::bad_file, "{}: has neither {}.bin (or .bin.gz) nor {}", dir, train ? "data_batch_1" : "test_batch",
           train ? "train.jpgpack" : "test.jpgpack");
    add_pack(data, pack);
  }
  match_classes(data, options.classes, dir);
  return data;
}

}  // namespace fovea
