#include "io/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace fovea {

InputFile::InputFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

InputFile::InputFile(InputFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)), size_(other.size_) {}

InputFile::~InputFile() {
  if (fd_ >= 0) ::close(fd_);
}

InputFile InputFile::open(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    int error = errno;
    bool limit = error == EMFILE || error == ENFILE || error == ENOMEM;
    fail(limit ? Code::resources : Code::bad_file, "{}: cannot be opened: {}. {}", path, std::strerror(error),
         error == ENOENT ? "Check the path"
         : limit         ? "Raise the limit (ulimit -n)"
                         : "Check its permissions");
  }
  return adopt(fd, path);
}

InputFile InputFile::adopt(int fd, const std::string& name) {
  InputFile file(fd, name);
  struct stat info;
  if (::fstat(fd, &info) != 0) fail(Code::bad_file, "{}: cannot be examined: {}", name, std::strerror(errno));
  if (S_ISDIR(info.st_mode)) fail(Code::bad_file, "{}: is a directory, need a file. Give the path of one file in it", name);
  if (!S_ISREG(info.st_mode))
    fail(Code::bad_file, "{}: is a device, pipe or socket, need a regular file. Save its content to a file first", name);
  file.size_ = static_cast<uint64_t>(info.st_size);
  return file;
}

void InputFile::read(uint64_t offset, void* out, uint64_t bytes) const {
  auto* at = static_cast<char*>(out);
  while (bytes > 0) {
    ssize_t got = ::pread(fd_, at, std::min<uint64_t>(bytes, 1u << 30), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(Code::bad_file, "{}: read error at byte {}: {}. Check the disk", path_, offset, std::strerror(errno));
    if (got == 0)
      fail(Code::bad_file, "{}: changed while reading: {} bytes are missing at byte {}. Try again when nothing writes to it",
           path_, bytes, offset);
    at += got;
    offset += static_cast<uint64_t>(got);
    bytes -= static_cast<uint64_t>(got);
  }
}

std::string InputFile::text(uint64_t offset, uint64_t bytes) const {
  std::string out(bytes, '\0');
  read(offset, out.data(), bytes);
  return out;
}

std::string InputFile::real_path() const {
  char target[PATH_MAX];
  ssize_t n = ::readlink(("/proc/self/fd/" + std::to_string(fd_)).c_str(), target, sizeof target);
  if (n <= 0) fail(Code::bad_file, "{}: its real path cannot be found: {}", path_, std::strerror(errno));
  return std::string(target, static_cast<size_t>(n));
}

}  // namespace fovea
