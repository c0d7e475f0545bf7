#include "io/tensor_file.h"

#include <atomic>
#include <memory>
#include <unordered_map>

#include "base/error.h"
#include "io/weights/contents.h"

namespace fovea {

int64_t TensorEntry::count() const {
  int64_t n = 1;
  for (int64_t dim : shape) n *= dim;
  return n;
}

namespace {

WeightContents parse(InputFile file, const std::string& key) {
  WeightFormat format = identify_weights(file);
  bool torch = format == WeightFormat::torch_zip || format == WeightFormat::torch_legacy;
  if (!key.empty() && !torch)
    fail(Code::usage, "{}: is safetensors, which has no key {}. Leave out --key", file.path(), shown(key));
  switch (format) {
    case WeightFormat::safetensors: return parse_safetensors(std::move(file));
    case WeightFormat::safetensors_index: return parse_safetensors_index(std::move(file));
    case WeightFormat::torch_zip: return parse_torch_zip(std::move(file), key);
    case WeightFormat::torch_legacy: break;
  }
  return parse_torch_legacy(std::move(file), key);
}

using Buffer = std::unique_ptr<char[]>;
Buffer uninitialised(uint64_t bytes) { return Buffer(new char[bytes]); }

// Row-major copy of a strided view whose first number is at `from`.
void gather(const TensorEntry& t, const char* from, char* to) {
  size_t width = file_type_bytes(t.type), rank = t.shape.size();
  std::vector<int64_t> index(rank, 0);
  for (int64_t n = t.count(), i = 0; i < n; i++, to += width) {
    std::memcpy(to, from, width);
    for (size_t d = rank; d-- > 0;) {
      from += t.place.strides[d] * static_cast<int64_t>(width);
      if (++index[d] < t.shape[d]) break;
      from -= t.place.strides[d] * static_cast<int64_t>(width) * t.shape[d];
      index[d] = 0;
    }
  }
}

// Bytes from the first to the last number of a strided view.
uint64_t span_of(const TensorEntry& t) {
  uint64_t last = 0;
  for (size_t d = 0; d < t.shape.size(); d++) last += static_cast<uint64_t>(t.place.strides[d] * (t.shape[d] - 1));
  return (last + 1) * file_type_bytes(t.type);
}

}  // namespace

struct TensorFile::State {
  explicit State(WeightContents all) : contents(std::move(all)), verified(new std::atomic<bool>[contents.blobs.size()]()) {
    for (size_t i = 0; i < contents.tensors.size(); i++) by_name.emplace(contents.tensors[i].name, i);
  }

  WeightContents contents;
  std::unique_ptr<std::atomic<bool>[]> verified;  // per blob: its checksum was right; verifying twice does no harm
  std::unordered_map<std::string_view, size_t> by_name;

  void read_bytes(const TensorEntry& t, void* out, uint64_t bytes) {
    const Blob& blob = contents.blobs[t.place.blob];
    const InputFile& file = contents.files[blob.file];
    std::string what = "tensor " + shown(t.name);
    if (blob.has_crc && !verified[t.place.blob]) {
      verify_blob(file, blob, what);
      verified[t.place.blob] = true;
    }
    file.read(blob.offset + t.place.offset, out, bytes);
  }
};

TensorFile::TensorFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
TensorFile::~TensorFile() = default;

std::unique_ptr<TensorFile> TensorFile::open(const std::string& path, const TensorFileOptions& options) {
  return open(InputFile::open(path), options);
}

std::unique_ptr<TensorFile> TensorFile::open(InputFile file, const TensorFileOptions& options) {
  auto state = std::make_unique<State>(parse(std::move(file), options.key));
  return std::unique_ptr<TensorFile>(new TensorFile(std::move(state)));
}

const std::vector<TensorEntry>& TensorFile::tensors() const { return state_->contents.tensors; }

const TensorEntry* TensorFile::find(std::string_view name) const {
  auto at = state_->by_name.find(name);
  return at == state_->by_name.end() ? nullptr : &tensors()[at->second];
}

void TensorFile::read_raw(const TensorEntry& t, void* out) const {
  uint64_t count = static_cast<uint64_t>(t.count());
  if (count == 0) return;
  if (t.place.strides.empty()) return state_->read_bytes(t, out, count * file_type_bytes(t.type));
  uint64_t span = span_of(t);
  Buffer source = uninitialised(span);
  state_->read_bytes(t, source.get(), span);
  gather(t, source.get(), static_cast<char*>(out));
}

void TensorFile::read(const TensorEntry& t, float* out) const {
  if (t.type == FileType::f32) return read_raw(t, out);
  auto count = static_cast<uint64_t>(t.count());
  Buffer raw = uninitialised(count * file_type_bytes(t.type));
  read_raw(t, raw.get());
  convert_to_f32(t.type, raw.get(), out, count);
}

const std::map<std::string, std::string>& TensorFile::metadata() const { return state_->contents.metadata; }
const std::string& TensorFile::format() const { return state_->contents.format; }
const std::string& TensorFile::note() const { return state_->contents.note; }

}  // namespace fovea
