// Weight files: safetensors (single or sharded) and PyTorch's .pth/.th/.pt (zip or legacy), recognised by content.
// Opening checks the whole structure and reads no tensor; a file is data, nothing in it is ever run.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/file_type.h"

namespace fovea {

struct TensorEntry {
  std::string name;
  FileType type = FileType::f32;
  std::vector<int64_t> shape;
  int64_t count() const;  // of numbers; 1 for a scalar

  struct Place {  // for TensorFile alone
    uint32_t blob = 0;
    uint64_t offset = 0;           // bytes into the blob
    std::vector<int64_t> strides;  // in numbers; empty: contiguous
  } place;
};

struct TensorFileOptions {
  std::string key;  // which entry of a PyTorch checkpoint holds the weights ("state_dict_ema"); empty: the usual names
};

class InputFile;

class TensorFile {
 public:
  // Throws bad_file (damaged, or something else by that name), unsupported (a valid file of a kind that cannot be read),
  // resources (a size cap) or usage (no such key, or a format without keys).
  static std::unique_ptr<TensorFile> open(const std::string& path, const TensorFileOptions& options = {});
  static std::unique_ptr<TensorFile> open(InputFile file, const TensorFileOptions& options = {});
  ~TensorFile();
  TensorFile(const TensorFile&) = delete;
  TensorFile& operator=(const TensorFile&) = delete;

  const std::vector<TensorEntry>& tensors() const;       // in the file's order
  const TensorEntry* find(std::string_view name) const;  // null if absent

  // Row-major and contiguous, into count() numbers. Thread-safe. Checksums, where the format has them, are verified here.
  void read(const TensorEntry& tensor, float* out) const;     // any type, converted
  void read_raw(const TensorEntry& tensor, void* out) const;  // count() * file_type_bytes(type) bytes, as stored

  const std::map<std::string, std::string>& metadata() const;  // safetensors' __metadata__
  const std::string& format() const;                           // "safetensors", "pytorch zip", "pytorch legacy"
  const std::string& note() const;                             // 'took key "state_dict"; removed prefix "module."', or ""

 private:
  struct State;
  explicit TensorFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct TensorOut {
  std::string name;
  FileType type = FileType::f32;
  std::vector<int64_t> shape;
  const void* data = nullptr;
};

// Atomic and deterministic: tensors lie in the given order, except that wider types come first so that all are aligned.
void write_safetensors(const std::string& path, std::span<const TensorOut> tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace fovea
