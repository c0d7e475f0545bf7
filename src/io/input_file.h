// A regular file opened for reading by position. Never mapped: a file that shrinks under us is an error, not a signal.
#pragma once
#include <cstdint>
#include <string>

namespace fovea {

class InputFile {
 public:
  static InputFile open(const std::string& path);           // never blocks, not even on a FIFO
  static InputFile adopt(int fd, const std::string& name);  // takes over an open descriptor; `name` is for messages
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&&) = delete;
  ~InputFile();

  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }

  // All of them or an error ("changed while reading"). Thread-safe.
  void read(uint64_t offset, void* out, uint64_t bytes) const;
  std::string text(uint64_t offset, uint64_t bytes) const;
  std::string real_path() const;  // with every link resolved, of the file that is really open

 private:
  InputFile(int fd, std::string path);
  int fd_ = -1;
  std::string path_;
  uint64_t size_ = 0;
};

}  // namespace fovea
