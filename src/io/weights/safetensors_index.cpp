// *.safetensors.index.json: which file of several holds which tensor.
// {"metadata": {...}, "weight_map": {"tensor": "model-00001-of-00002.safetensors"}}
#include <climits>
#include <cstdlib>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "io/weights/contents.h"
#include "io/weights/strict_json.h"

namespace fovea {

namespace {

constexpr uint64_t kMaxIndex = 64'000'000;
constexpr size_t kMaxShards = 1000;

class IndexReader : public StrictJson {
 public:
  using StrictJson::StrictJson;
  std::unordered_map<std::string, std::string> shard_of;

  void begin_object() override { enter(); }
  void begin_array() override {
    if (in_weight_map_) return StrictJson::begin_array();
    enter();
  }
  void end_object() override { depth_--; }
  void end_array() override { depth_--; }
  void key(std::string& name) override {
    if (depth_ == 1) {
      in_weight_map_ = name == "weight_map";
      if (in_weight_map_ && std::exchange(found_, true))
        fail(Code::bad_file, "{}: duplicate key \"weight_map\". The file is damaged", path_);
    } else if (in_map()) {
      auto [at, fresh] = shard_of.try_emplace(name);
      if (!fresh) fail(Code::bad_file, "{}: duplicate tensor name {}. The file is damaged", path_, shown(name));
      shard_ = &at->second;
      if (shard_of.size() > kMaxTensors)
        fail(Code::bad_file, "{}: more than {} tensors. The file is damaged", path_, kMaxTensors);
    }
  }
  void string(std::string& text) override {
    if (in_map()) *shard_ = std::move(text);
  }
  // Whatever else the index tells (total_size, comments) is not ours.
  void null() override { in_map() ? StrictJson::null() : void(); }
  void boolean() override { in_map() ? StrictJson::boolean() : void(); }
  void negative(int64_t value) override { in_map() ? StrictJson::negative(value) : void(); }
  void number(uint64_t value) override { in_map() ? StrictJson::number(value) : void(); }
  void fraction() override { in_map() ? StrictJson::fraction() : void(); }

 protected:
  std::string place() const override { return in_map() ? "in weight_map" : "depth " + std::to_string(depth_); }

 private:
  bool in_map() const { return depth_ >= 2 && in_weight_map_; }
  void enter() {
    if (in_map() || depth_ == 64) unexpected("nesting");
    depth_++;
  }

  int depth_ = 0;
  bool in_weight_map_ = false, found_ = false;
  std::string* shard_ = nullptr;
};

std::string folder_of(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == path.npos ? "." : path.substr(0, slash + 1);
}

std::string real_folder(const std::string& folder) {
  char real[PATH_MAX];
  return ::realpath(folder.c_str(), real) ? std::string(real) + "/" : std::string();
}

// A name of at most 255 bytes without "..", empty parts (also: absolute), backslashes or NUL.
bool is_plain(const std::string& name) {
  if (name.find_first_of(std::string("\\\0", 2)) != name.npos) return false;
  if (name.size() > 255) return false;  // beside the index no file has a longer name
  for (const std::string& part : split(name, '/'))
    if (part.empty() || part == "..") return false;
  return true;
}

// A shard lies beside the index as it was named, or beside the real file (a cache of links into a store of blobs).
// Judged on the file that is really open, so no link can be swapped in between.
InputFile open_shard(const InputFile& index, const std::string& name) {
  if (!is_plain(name))
    fail(Code::bad_file,
         "{}: shard {} leaves the folder (weight_map): need a plain relative name. The file is not trustworthy",
         index.path(), shown(name));
  std::string folder = folder_of(index.path());
  InputFile shard = InputFile::open(folder == "." ? name : folder + name);
  std::string real = shard.real_path();
  std::string named = real_folder(folder), stored = folder_of(index.real_path());
  if ((named.empty() || !real.starts_with(named)) && !real.starts_with(stored))
    fail(Code::bad_file, "{}: shard {} is a link out of the folder: got {}. Copy the file beside the index", index.path(),
         shown(name), real);
  return shard;
}

void append_shard(WeightContents& all, WeightContents shard) {
  auto file = static_cast<uint32_t>(all.files.size()), blob = static_cast<uint32_t>(all.blobs.size());
  for (TensorEntry& t : shard.tensors) {
    t.place.blob += blob;
    all.tensors.push_back(std::move(t));
  }
  for (Blob& b : shard.blobs) {
    b.file += file;
    all.blobs.push_back(b);
  }
  all.files.push_back(std::move(shard.files.front()));
  all.metadata.merge(shard.metadata);
}

}  // namespace

WeightContents parse_safetensors_index(InputFile file) {
  const std::string& path = file.path();
  if (file.size() > kMaxIndex)
    fail(Code::bad_file, "{}: is a JSON text of {} bytes, not weights: need at most {}. Check the path", path, file.size(),
         kMaxIndex);
  IndexReader reader(path, 0);
  reader.parse(file.text(0, file.size()));
  if (reader.shard_of.empty())
    fail(Code::bad_file, "{}: is a JSON text (an error message of a failed download?), not weights. Download it again",
         path);

  WeightContents all{.format = "safetensors"};
  std::set<std::string> names;
  for (const auto& [tensor, shard] : reader.shard_of) names.insert(shard);
  if (names.size() > kMaxShards)
    fail(Code::bad_file, "{}: {} shards, need at most {}. The file is damaged", path, names.size(), kMaxShards);
  std::unordered_map<std::string, std::string> found;  // tensor -> the shard that has it
  for (const std::string& name : names) {
    WeightContents shard = parse_safetensors(open_shard(file, name));
    for (const TensorEntry& t : shard.tensors)
      if (auto [at, fresh] = found.try_emplace(t.name, name); !fresh)
        fail(Code::bad_file, "{}: tensor {} is in two shards: {} and {}. The download is mixed up", path, shown(t.name),
             shown(at->second), shown(name));
    append_shard(all, std::move(shard));
  }
  for (const auto& [tensor, shard] : reader.shard_of)
    if (auto at = found.find(tensor); at == found.end() || at->second != shard)
      fail(Code::bad_file, "{}: tensor {} is not in its shard {}. The download is mixed up", path, shown(tensor),
           shown(shard));
  return all;
}

}  // namespace fovea
