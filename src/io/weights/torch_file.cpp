// PyTorch's torch.save files. Zip (since 1.6): NAME/data.pkl and one stored entry NAME/data/KEY per storage.
// Legacy: five pickles (magic number, protocol, system, the object, the storages' keys), then each storage's count and
// bytes.
#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "base/size.h"
#include "base/text.h"
#include "io/weights/contents.h"
#include "io/weights/pickle.h"
#include "io/weights/state_dict.h"
#include "io/weights/zip.h"

namespace fovea {

namespace {

constexpr uint64_t kMaxPickle = 64'000'000;
constexpr std::string_view kMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr int64_t kLegacyProtocol = 1001;
constexpr uint64_t kMaxExpanded = 1 << 20;

uint64_t storage_bytes(const std::string& path, const PickleStorage& storage) {
  uint64_t bytes;
  if (!checked_mul(storage.count, file_type_bytes(storage.type), bytes))
    fail(Code::bad_file, "{}: size overflows (storage {}): need at most 2^47 bytes. The file is damaged", path,
         shown(storage.key));
  return bytes;
}

bool is_contiguous(const TensorEntry& t) {
  int64_t expected = 1;
  for (size_t i = t.shape.size(); i-- > 0; expected *= t.shape[i])
    if (t.shape[i] != 1 && t.place.strides[i] != expected) return false;
  return true;
}

// A view that stays inside its storage, and does not claim more bytes than there are (by strides of zero).
TensorEntry checked_view(const std::string& path, const std::string& name, const PickleTensor& view,
                         const PickleStorage& storage) {
  TensorEntry t{.name = name, .type = storage.type, .shape = view.shape};
  uint64_t bytes = checked_bytes(path, name, t.type, t.shape), width = file_type_bytes(t.type);
  auto last = static_cast<uint64_t>(view.offset);  // number that it touches
  bool inside = view.offset >= 0;
  for (size_t i = 0; i < t.shape.size(); i++) {
    uint64_t reach;
    if (view.strides[i] < 0)
      fail(Code::bad_file, "{}: tensor {} has a negative stride: got {}. The file is damaged", path, shown(name),
           view.strides[i]);
    auto steps = static_cast<uint64_t>(std::max<int64_t>(t.shape[i], 1) - 1);
    inside = inside && checked_mul(static_cast<uint64_t>(view.strides[i]), steps, reach) && checked_add(last, reach, last);
  }
  if (bytes == 0) return t;
  if (!inside || last >= storage.count)
    fail(Code::bad_file,
         "{}: tensor {} reaches past its storage {}: got offset {}, need all of it within {} numbers. The file is damaged",
         path, shown(name), shown(storage.key), view.offset, storage.count);
  if (bytes > std::max(storage.count * width, kMaxExpanded))
    fail(Code::bad_file, "{}: tensor {} repeats its storage {} to {} bytes: need at most {}. Save it with .contiguous()",
         path, shown(name), shown(storage.key), bytes, std::max(storage.count * width, kMaxExpanded));
  t.place.offset = static_cast<uint64_t>(view.offset) * width;
  t.place.strides = view.strides;
  if (is_contiguous(t)) t.place.strides.clear();
  return t;
}

// blobs[i] is the place of pickle.storages[i].
void add_tensors(WeightContents& contents, const std::string& path, const Pickle& pickle, const std::string& key) {
  StateDict dict = find_state_dict(path, pickle, key);
  contents.note = dict.note;
  for (const auto& [name, index] : dict.tensors) {
    const PickleTensor& view = pickle.tensors[index];
    contents.tensors.push_back(checked_view(path, name, view, pickle.storages[view.storage]));
    contents.tensors.back().place.blob = view.storage;
  }
}

[[noreturn]] void not_torch(const InputFile& file, const std::vector<ZipEntry>& entries) {
  auto has = [&](auto test) {
    return std::any_of(entries.begin(), entries.end(), [&](const ZipEntry& e) { return test(e.name); });
  };
  const char* what = "is a zip archive without data.pkl, not a torch.save file. Check the path";
  if (has([](const std::string& n) { return n.ends_with(".npy"); }))
    what = "is a NumPy .npz archive, need a torch.save file. Convert it to safetensors";
  if (has([](const std::string& n) { return n == "model.weights.h5"; }))
    what = "looks like a Keras archive; fovea reads safetensors and PyTorch files. Convert it to safetensors";
  fail(Code::unsupported, "{}: {}", file.path(), what);
}

// The one "NAME/data.pkl" gives the NAME/ under which everything lies; other entries are nobody's.
std::string find_root(const InputFile& file, const std::vector<ZipEntry>& entries) {
  std::string root;
  for (const ZipEntry& e : entries) {
    if (e.name.size() <= 9 || !e.name.ends_with("/data.pkl") || std::count(e.name.begin(), e.name.end(), '/') != 1) continue;
    if (!root.empty())
      fail(Code::bad_file, "{}: two data.pkl: {} and {}. The file was tampered with", file.path(), shown(root),
           shown(e.name));
    root = e.name.substr(0, e.name.size() - 8);
  }
  if (root.empty()) not_torch(file, entries);
  return root;
}

}  // namespace

WeightContents parse_torch_zip(InputFile file, const std::string& key) {
  std::vector<ZipEntry> entries = read_zip_directory(file);
  const std::string& path = file.path();
  std::string root = find_root(file, entries);
  std::unordered_map<std::string_view, const Blob*> blobs;
  for (const ZipEntry& e : entries) blobs.emplace(e.name, &e.data);
  auto find = [&](const std::string& name) {
    auto at = blobs.find(root + name);
    return at == blobs.end() ? nullptr : at->second;
  };
  if (find("constants.pkl"))
    fail(Code::unsupported, "{}: is a TorchScript archive (a program). Save model.state_dict() instead", path);
  if (const Blob* order = find("byteorder"); order && blob_text(file, *order, root + "byteorder", 16) != "little")
    fail(Code::unsupported, "{}: holds big-endian numbers, need little-endian. Save it again on a common machine", path);
  PickleBytes bytes(file, blob_text(file, *find("data.pkl"), root + "data.pkl", kMaxPickle), root + "data.pkl");
  Pickle pickle = parse_pickle(bytes);
  if (bytes.left()) bytes.bad(std::to_string(bytes.left()) + " bytes after the end", bytes.at());

  WeightContents contents{.format = "pytorch zip"};
  for (const PickleStorage& storage : pickle.storages) {
    const Blob* blob = find("data/" + std::string(storage.key));
    if (!blob) fail(Code::bad_file, "{}: storage {} is not in the archive. The file is damaged", path, shown(storage.key));
    if (blob->deflated)
      fail(Code::unsupported, "{}: storage {} is compressed, which torch.save never does. Save it again with torch.save",
           path, shown(storage.key));
    if (uint64_t need = storage_bytes(path, storage); blob->size != need)
      fail(Code::bad_file, "{}: storage {} has the wrong size: got {} bytes, need {}. The file is damaged", path,
           shown(storage.key), blob->size, need);
    contents.blobs.push_back(*blob);
  }
  add_tensors(contents, path, pickle, key);
  contents.files.push_back(std::move(file));
  return contents;
}

namespace {

void check_legacy_start(PickleBytes& bytes, const std::string& path) {
  Pickle magic = parse_pickle(bytes);
  if (magic.top().text != kMagic)
    fail(Code::unsupported, "{}: is a plain Python pickle, not a torch.save file. Save it with torch.save(state_dict, file)",
         path);
  Pickle protocol = parse_pickle(bytes);
  if (protocol.top().number != kLegacyProtocol)
    fail(Code::unsupported, "{}: unknown torch.save protocol {}, need {}. Save it again with PyTorch", path,
         protocol.top().number, kLegacyProtocol);
  Pickle system = parse_pickle(bytes);
  const PickleValue* little = system.top().kind == PickleKind::dict ? system.get(system.top(), "little_endian") : nullptr;
  if (little && little->number != 1)
    fail(Code::unsupported, "{}: holds big-endian numbers, need little-endian. Save it again on a common machine", path);
}

// The storages follow the pickles in the order of the keys, each as a count of numbers and the numbers.
void place_legacy_storages(WeightContents& contents, const InputFile& file, const Pickle& pickle, const Pickle& keys,
                           uint64_t at) {
  const std::string& path = file.path();
  std::unordered_map<std::string_view, size_t> index;
  for (size_t i = 0; i < pickle.storages.size(); i++) index.emplace(pickle.storages[i].key, i);
  if (keys.top().items.size() != index.size())
    fail(Code::bad_file, "{}: the list of storages does not fit the {} storages of its tensors. The file is damaged", path,
         index.size());
  contents.blobs.resize(index.size());
  for (uint32_t id : keys.top().items) {
    auto found = index.find(keys.values[id].text);
    if (found == index.end())
      fail(Code::bad_file, "{}: storage {} is listed twice or belongs to no tensor. The file is damaged", path,
           shown(keys.values[id].text));
    const PickleStorage& storage = pickle.storages[found->second];
    uint64_t bytes = storage_bytes(path, storage);
    if (file.size() - at < 8 || file.size() - at - 8 < bytes)
      fail(Code::bad_file, "{}: truncated: {} missing at storage {} (byte {}). Download it again", path,
           human_bytes(static_cast<double>(bytes + 8 - (file.size() - at))), shown(storage.key), at);
    auto count = load_le<uint64_t>(file.text(at, 8).data());
    if (count != storage.count)
      fail(Code::bad_file, "{}: storage {} has the wrong size (byte {}): got {} numbers, need {}. The file is damaged", path,
           shown(storage.key), at, count, storage.count);
    contents.blobs[found->second] = {.offset = at + 8, .stored = bytes, .size = bytes};
    at += 8 + bytes;
    index.erase(found);
  }
  if (at != file.size())
    fail(Code::bad_file, "{}: {} bytes after the last storage (byte {}). The file is damaged", path, file.size() - at, at);
}

}  // namespace

WeightContents parse_torch_legacy(InputFile file, const std::string& key) {
  const std::string& path = file.path();
  PickleBytes bytes(file, kMaxPickle);
  check_legacy_start(bytes, path);
  Pickle pickle = parse_pickle(bytes), keys = parse_pickle(bytes);
  WeightContents contents{.format = "pytorch legacy"};
  place_legacy_storages(contents, file, pickle, keys, bytes.at());
  add_tensors(contents, path, pickle, key);
  contents.files.push_back(std::move(file));
  return contents;
}

}  // namespace fovea
