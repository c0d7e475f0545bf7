#include "train/sink.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace fovea {

Sink::Sink(std::string path, Note warn) : path_(std::move(path)), warn_(std::move(warn)) {
  fd_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd_ < 0) give_up(errno);
}

Sink::~Sink() {
  if (fd_ >= 0) close(fd_);
}

void Sink::append(std::string_view record) {
  if (fd_ < 0) return;
  ssize_t wrote;
  do wrote = write(fd_, record.data(), record.size());
  while (wrote < 0 && errno == EINTR);
  if (wrote != static_cast<ssize_t>(record.size())) give_up(wrote < 0 ? errno : ENOSPC);
}

void Sink::give_up(int error) {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
  warn_(fmt::format("{}: cannot be written: {}; the training goes on without it", path_, std::strerror(error)));
}

}  // namespace fovea
