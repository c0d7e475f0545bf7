#include "cli/run.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>
#include <filesystem>
#include <stdexcept>
#include <utility>

namespace fovea::cli_test {
namespace {

// The program lies beside the test.
std::string binary() {
  static const std::string path = [] {
    char self[PATH_MAX] = {};
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) throw std::runtime_error("no /proc");
    return (std::filesystem::path(self).parent_path() / "fovea").string();
  }();
  return path;
}

struct Pipe {
  int read = -1, write = -1;
  explicit Pipe(bool terminal = false) {
    int ends[2];
    if ((terminal ? openpty(&ends[0], &ends[1], nullptr, nullptr, nullptr) : pipe(ends)) != 0)
      throw std::runtime_error("no pipe");
    read = ends[0], write = ends[1];
    for (int fd : ends) fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
};

[[noreturn]] void become(const std::vector<std::string>& args, const Setting& s, int in, int out, int err) {
  dup2(in, 0), dup2(out, 1), dup2(err, 2);
  if (s.close_out) close(1);
  if (s.close_err) close(2);
  auto limit = [](auto resource, int64_t bytes) {
    rlimit both{static_cast<rlim_t>(bytes), static_cast<rlim_t>(bytes)};
    if (bytes) setrlimit(resource, &both);
  };
  limit(RLIMIT_AS, s.address_space), limit(RLIMIT_STACK, s.stack), limit(RLIMIT_FSIZE, s.file_size);
  for (const std::string& e : s.environment) putenv(const_cast<char*>(e.c_str()));
  std::vector<char*> argv{const_cast<char*>("fovea")};
  for (const std::string& a : args) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  execv(binary().c_str(), argv.data());
  _exit(127);
}

bool read_some(int fd, std::string& text) {
  char room[1 << 16];
  ssize_t got = read(fd, room, sizeof room);
  if (got > 0) text.append(room, static_cast<size_t>(got));
  return got > 0;
}

}  // namespace

Result run(const std::vector<std::string>& args, const Setting& s) {
  Pipe in, out, err(s.terminal);
  pid_t child = fork();
  if (child == 0) become(args, s, in.read, out.write, err.write);
  close(in.read), close(out.write), close(err.write);
  [[maybe_unused]] ssize_t wrote = write(in.write, s.input.data(), s.input.size());
  close(in.write);
  Result r;
  bool open_out = true, open_err = true, interrupted = false;
  while (open_out || open_err) {
    pollfd ends[2] = {{open_out ? out.read : -1, POLLIN, 0}, {open_err ? err.read : -1, POLLIN, 0}};
    poll(ends, 2, 20);
    if (ends[0].revents) open_out = read_some(out.read, r.out) && !s.hang_up;
    if (!open_out && out.read >= 0) close(std::exchange(out.read, -1));
    if (ends[1].revents) open_err = read_some(err.read, r.err);
    bool due = !s.interrupt_at.empty() && r.err.find(s.interrupt_at) != std::string::npos;
    if (due && !interrupted) kill(child, SIGINT), interrupted = true;
  }
  int status = 0;
  rusage used{};
  wait4(child, &status, 0, &used);
  close(err.read);
  r.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
  r.seconds = seconds(used.ru_utime) + seconds(used.ru_stime);
  return r;
}

std::string fresh_folder(const std::string& name) {
  std::string path = testing::TempDir() + "fovea_cli_" + std::to_string(getpid()) + "_" + name;
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path;
}

std::string shared_data() {
  const char* wish = std::getenv("FOVEA_SHARED");
  std::string path = std::string(wish ? wish : "../shared") + "/data";
  return std::filesystem::exists(path) ? path : "";
}

}  // namespace fovea::cli_test
