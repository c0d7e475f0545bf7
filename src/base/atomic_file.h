// Writes that either happen or do not: temp file in the same directory, fsync, rename, fsync of the directory.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace fovea {

class AtomicFile {
 public:
  // Throws resources (no space, read-only) or usage (missing parent, a directory).
  explicit AtomicFile(const std::string& path);
  ~AtomicFile();  // removes the temp file unless committed
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void reserve(uint64_t bytes);  // fallocate: learn of a full disk early
  void write(const void* data, uint64_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  void commit();  // durable under its final name when this returns

 private:
  std::string path_, temp_;
  int fd_ = -1;
};

void write_file(const std::string& path, std::string_view text);             // AtomicFile in one call
std::string read_file(const std::string& path, uint64_t most = 1ull << 30);  // regular files only; bad_file error otherwise

}  // namespace fovea
