#include "base/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace fovea {
namespace {

// Repeats a system call that a signal cut short.
template <class F>
auto retry(F call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

std::string folder_of(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

[[noreturn]] void fail_write(const std::string& path, const char* doing, int error) {
  bool full = error == ENOSPC || error == EDQUOT;
  fail(Code::resources, "{}: cannot {}: {}{}", path, doing, std::strerror(error),
       full ? ". Free some space and run again" : "");
}

[[noreturn]] void fail_create(const std::string& path, int error) {
  if (error == ENOENT) fail(Code::usage, "{}: cannot be written: the folder {} does not exist", path, folder_of(path));
  if (error == ENOTDIR) fail(Code::usage, "{}: cannot be written: {} is not a folder", path, folder_of(path));
  if (error == ENAMETOOLONG) fail(Code::usage, "{}: cannot be written: the name is too long", clip(path, 80));
  fail_write(path, "be written", error);
}

// The file that `path` leads to. A link stays a link and its target is replaced; a device or pipe must never be.
std::string resolve_target(const std::string& path) {
  struct stat info {};
  if (path.empty()) fail(Code::usage, "an output file has an empty name");
  if (path.ends_with('/')) fail(Code::usage, "{}: is a folder, need a file name", path);
  if (stat(path.c_str(), &info) != 0) return path;
  if (S_ISDIR(info.st_mode)) fail(Code::usage, "{}: is a folder, need a file name", path);
  if (!S_ISREG(info.st_mode)) fail(Code::usage, "{}: is not a regular file, so it cannot be replaced", path);
  char* real = realpath(path.c_str(), nullptr);
  std::string out = real ? real : path;
  std::free(real);
  return out;
}

std::string temp_name(const std::string& path) {
  uint64_t random = 0;
  if (getrandom(&random, sizeof random, 0) != sizeof random)
    random = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(&random));
  std::string name = path.substr(path.rfind('/') + 1).substr(0, 200);  // leaves room within the 255 bytes of a name
  return fmt::format("{}/.{}.tmp.{}.{:016x}", folder_of(path), name, getpid(), random);
}

// Makes a rename in this folder durable.
void sync_folder(const std::string& path) {
  int fd = retry([&] { return open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (fd < 0) return fail_write(path, "sync its folder", errno);
  int error = retry([&] { return fsync(fd); }) < 0 ? errno : 0;
  close(fd);
  if (error && error != EINVAL && error != ENOTSUP) fail_write(path, "sync its folder", error);
}

}  // namespace

AtomicFile::AtomicFile(const std::string& path) : path_(resolve_target(path)) {
  do {
    temp_ = temp_name(path_);
    fd_ = retry([&] { return open(temp_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); });
  } while (fd_ < 0 && errno == EEXIST);
  if (fd_ < 0) fail_create(path_, errno);
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) close(fd_);
  if (!temp_.empty()) unlink(temp_.c_str());
}

void AtomicFile::reserve(uint64_t bytes) {
  if (bytes == 0) return;
  bool fits = bytes <= static_cast<uint64_t>(INT64_MAX);
  int error = !fits                                                                                          ? EFBIG
              : retry([&] { return fallocate(fd_, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes)); }) < 0 ? errno
                                                                                                             : 0;
  if (error && error != EOPNOTSUPP && error != ENOSYS)
    fail_write(path_, fmt::format("reserve {} bytes", bytes).c_str(), error);
}

void AtomicFile::write(const void* data, uint64_t bytes) {
  constexpr uint64_t kMost = 1u << 30;  // Linux writes no more than 2 GiB at once
  auto* from = static_cast<const char*>(data);
  while (bytes > 0) {
    ssize_t wrote = retry([&] { return ::write(fd_, from, std::min(bytes, kMost)); });
    if (wrote < 0) fail_write(path_, "be written", errno);
    from += wrote;
    bytes -= static_cast<uint64_t>(wrote);
  }
}

void AtomicFile::commit() {
  FOVEA_CHECK(fd_ >= 0);
  // A failed sync is final: Linux reports it once and then forgets, so a second try would only look like success.
  int error = retry([&] { return fdatasync(fd_); }) < 0 ? errno : 0;
  if (close(std::exchange(fd_, -1)) < 0 && !error) error = errno;
  if (error) fail_write(path_, "be made durable", error);
  if (rename(temp_.c_str(), path_.c_str()) < 0) fail_write(path_, "be replaced", errno);
  temp_.clear();
  sync_folder(path_);
}

void write_file(const std::string& path, std::string_view text) {
  AtomicFile file(path);
  file.reserve(text.size());
  file.write(text);
  file.commit();
}

std::string read_file(const std::string& path, uint64_t most) {
  // Without O_NONBLOCK, opening a pipe would wait for ever.
  int fd = retry([&] { return open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); });
  if (fd < 0) fail(Code::bad_file, "{}: cannot be read: {}", path, std::strerror(errno));
  struct Closer {
    int fd;
    ~Closer() { close(fd); }
  } closer{fd};
  struct stat info {};
  if (fstat(fd, &info) < 0) fail(Code::bad_file, "{}: cannot be read: {}", path, std::strerror(errno));
  if (S_ISDIR(info.st_mode)) fail(Code::bad_file, "{}: is a folder, need a file", path);
  if (!S_ISREG(info.st_mode)) fail(Code::bad_file, "{}: is not a regular file", path);

  // Read to the end rather than to the size: files of /proc say 0, and a file may change meanwhile.
  std::string text;
  auto size = static_cast<uint64_t>(info.st_size);
  for (uint64_t filled = 0;;) {
    if (std::max(size, filled) > most) {
      fail(Code::bad_file, "{}: too long: got {} bytes or more, at most {} are accepted", path, std::max(size, filled),
           most);
    }
    if (filled == text.size()) text.resize(std::max({filled + filled / 2, size + 1, uint64_t{4096}}));
    ssize_t got = retry([&] { return read(fd, text.data() + filled, text.size() - filled); });
    if (got < 0) fail(Code::bad_file, "{}: cannot be read: {}", path, std::strerror(errno));
    filled += static_cast<uint64_t>(got);
    if (got == 0) return text.resize(filled), text;
  }
}

}  // namespace fovea
