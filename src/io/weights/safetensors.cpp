// safetensors: eight bytes of header length, a JSON header, then the tensors' bytes without holes or overlap.
// Format: https://github.com/huggingface/safetensors
#include <algorithm>
#include <deque>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "io/weights/contents.h"
#include "io/weights/strict_json.h"

namespace fovea {

namespace {

constexpr uint64_t kMaxHeader = 100'000'000;

struct Described {  // a tensor as the header tells it
  std::string name, type;
  std::vector<uint64_t> shape, offsets;
  bool has_type = false, has_shape = false, has_offsets = false;
};

// {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"key": "text"}}
class HeaderReader : public StrictJson {
 public:
  using StrictJson::StrictJson;
  std::deque<Described> tensors;  // whose elements stay where they are
  std::map<std::string, std::string> metadata;

  void begin_object() override {
    if (depth_ == 2) return StrictJson::begin_object();
    depth_++;
  }
  void end_object() override {
    if (depth_ == 2 && !in_metadata_) check_complete();
    depth_--;
    in_metadata_ = false;
  }
  void key(std::string& name) override {
    if (depth_ == 1) return begin_tensor(name);
    if (in_metadata_) return begin_metadata(name);
    begin_field(name);
  }
  void string(std::string& text) override {
    if (!expect_) return StrictJson::string(text);
    *std::exchange(expect_, nullptr) = std::move(text);
  }
  void begin_array() override {
    if (!next_list_) return StrictJson::begin_array();
    list_ = std::exchange(next_list_, nullptr);
  }
  void end_array() override { list_ = nullptr; }
  void number(uint64_t value) override {
    if (!list_) return StrictJson::number(value);
    if (list_->size() == 64) unexpected("longer list");
    list_->push_back(value);
  }

 protected:
  std::string place() const override {
    if (depth_ < 2) return depth_ ? "after " + std::to_string(tensors.size()) + " tensors" : "at the top";
    return in_metadata_ ? "in __metadata__" : "in tensor " + shown(tensors.back().name);
  }

 private:
  void begin_tensor(std::string& name) {
    if (name.find('\0') != name.npos)
      fail(Code::bad_file, "{}: a tensor's name {} holds a NUL. The file is damaged", path_, shown(name));
    if (names_.contains(name)) fail(Code::bad_file, "{}: duplicate tensor name {}. The file is damaged", path_, shown(name));
    constexpr std::string_view metadata_name = "__metadata__";
    in_metadata_ = name == metadata_name;
    if (tensors.size() == kMaxTensors)
      fail(Code::bad_file, "{}: more than {} tensors. The file is damaged", path_, kMaxTensors);
    if (!in_metadata_) tensors.push_back({.name = std::move(name)});
    names_.insert(in_metadata_ ? metadata_name : tensors.back().name);
  }
  void begin_metadata(const std::string& name) {
    auto [at, fresh] = metadata.try_emplace(name);
    if (!fresh) fail(Code::bad_file, "{}: duplicate key {} (__metadata__). The file is damaged", path_, shown(name));
    expect_ = &at->second;
  }
  void begin_field(std::string& name) {
    Described& t = tensors.back();
    if (name == "dtype" && !std::exchange(t.has_type, true))
      expect_ = &t.type;
    else if (name == "shape" && !std::exchange(t.has_shape, true))
      next_list_ = &t.shape;
    else if (name == "data_offsets" && !std::exchange(t.has_offsets, true))
      next_list_ = &t.offsets;
    else
      StrictJson::key(name);
  }
  void check_complete() const {
    const Described& t = tensors.back();
    if (!t.has_type || !t.has_shape || t.offsets.size() != 2)
      fail(Code::bad_file, "{}: tensor {} lacks a dtype, shape or two data_offsets. The file is damaged", path_,
           shown(t.name));
  }

  int depth_ = 0;
  bool in_metadata_ = false;
  std::string* expect_ = nullptr;               // where the next string goes
  std::vector<uint64_t>* next_list_ = nullptr;  // where the next array goes
  std::vector<uint64_t>* list_ = nullptr;       // the array being read
  std::unordered_set<std::string_view> names_;
};

uint64_t read_header_length(const InputFile& file) {
  std::string head = file.text(0, 8);
  uint64_t length = load_le<uint64_t>(head.data());
  if (length > file.size() - 8)
    fail(Code::bad_file,
         "{}: header length exceeds the file (byte 0): got {}, need at most {}. Truncated, or not safetensors", file.path(),
         length, file.size() - 8);
  if (length > kMaxHeader)
    fail(Code::bad_file, "{}: header too long (byte 0): got {} bytes, need at most {} (100 MB). The file is damaged",
         file.path(), length, kMaxHeader);
  return length;
}

TensorEntry checked_entry(const std::string& path, Described& t, uint64_t& bytes) {
  auto type = file_type_from(t.type);
  if (!type)
    fail(Code::unsupported, "{}: tensor {} has the type {}, which cannot be read. Convert it to F32, F16 or BF16", path,
         shown(t.name), shown(t.type));
  TensorEntry entry{.name = std::move(t.name), .type = *type};
  for (uint64_t dim : t.shape)  // beyond the cap is all the same, but must not turn negative
    entry.shape.push_back(static_cast<int64_t>(std::min<uint64_t>(dim, INT64_MAX)));
  bytes = checked_bytes(path, entry.name, *type, entry.shape);
  uint64_t begin = t.offsets[0], end = t.offsets[1];
  if (begin > end || end - begin != bytes)
    fail(Code::bad_file, "{}: tensor {} does not fill its data_offsets: got [{}, {}], need {} bytes. The file is damaged",
         path, shown(entry.name), begin, end, bytes);
  entry.place.offset = begin;
  return entry;
}

// Every byte of the data belongs to exactly one tensor.
void check_cover(const InputFile& file, uint64_t data, const std::vector<TensorEntry>& tensors,
                 const std::vector<uint64_t>& bytes) {
  std::vector<uint32_t> order(tensors.size());
  for (uint32_t i = 0; i < order.size(); i++) order[i] = i;
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    uint64_t at = tensors[a].place.offset, bt = tensors[b].place.offset;
    return at != bt ? at < bt : bytes[a] < bytes[b];
  });
  uint64_t end = 0;
  for (uint32_t i : order) {
    const TensorEntry& t = tensors[i];
    if (t.place.offset != end)
      fail(Code::bad_file, "{}: {} tensor {}: got data offset {}, need {}. The file is damaged", file.path(),
           t.place.offset < end ? "overlap at" : "hole before", shown(t.name), t.place.offset, end);
    end += bytes[i];  // the tensor's own data_offsets[1]: no wrap
  }
  if (end > data)
    fail(Code::bad_file, "{}: truncated: {} missing (tensor {}): got {} bytes of data, need {}. Download it again",
         file.path(), human_bytes(static_cast<double>(end - data)), shown(tensors[order.back()].name), data, end);
  if (end < data)
    fail(Code::bad_file, "{}: {} bytes after the last tensor (trailing data): got {}, need {}. The file is damaged",
         file.path(), data - end, data, end);
}

}  // namespace

WeightContents parse_safetensors(InputFile file) {
  uint64_t length = read_header_length(file);
  std::string header = file.text(8, length);
  if (!header.starts_with('{'))
    fail(Code::bad_file, "{}: the header does not begin with {{ (byte 8). The file is damaged, or not safetensors",
         file.path());
  HeaderReader reader(file.path(), 8);
  reader.parse(header);
  header = {};

  WeightContents contents{.format = "safetensors", .metadata = std::move(reader.metadata)};
  std::vector<uint64_t> bytes(reader.tensors.size());
  contents.tensors.reserve(bytes.size());
  for (uint64_t& size : bytes) {
    contents.tensors.push_back(checked_entry(file.path(), reader.tensors.front(), size));
    reader.tensors.pop_front();
  }
  uint64_t data = file.size() - 8 - length;
  check_cover(file, data, contents.tensors, bytes);
  contents.blobs.push_back({.offset = 8 + length, .stored = data, .size = data});
  contents.files.push_back(std::move(file));
  return contents;
}

}  // namespace fovea
