#include "base/job.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"

namespace fovea {
namespace {

constexpr int64_t kSlot = 1 << 14;  // floats that a process shows to the others at once

// What all see of one process. It writes its two slots in turn: who comes to one again has seen the others arrive at the
// turn between, so they have read what it holds.
struct Peer {
  alignas(64) std::atomic<uint64_t> arrived;  // turns whose slot is written
  std::atomic<bool> ended;                    // said by the parent
  struct {
    int64_t n, tag;
    float values[kSlot];
  } slots[2];
  bool finished;  // its body returned
  int code;       // of the error that ended it
  char text[512];
};
static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

}  // namespace

// Shared by all who are forked after it was made.
class JobMemory {
 public:
  explicit JobMemory(int n) : count(n), parent(getpid()), bytes_(sizeof(Peer) * static_cast<size_t>(n)) {
    void* p = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) fail(Code::resources, "memory for a job of {} processes: {}", n, std::strerror(errno));
    peers_ = static_cast<Peer*>(p);
    std::uninitialized_value_construct_n(peers_, n);
  }
  ~JobMemory() { munmap(peers_, bytes_); }
  JobMemory(const JobMemory&) = delete;
  JobMemory& operator=(const JobMemory&) = delete;
  Peer& operator[](int rank) const { return peers_[rank]; }
  const int count;
  const pid_t parent;

 private:
  size_t bytes_;
  Peer* peers_;
};

int Job::count() const { return memory_.count; }

void Job::wait_for(int rank) const {
  const Peer& p = memory_[rank];
  auto here = [&] { return p.arrived.load(std::memory_order_acquire) >= turn_; };
  for (int looks = 0; !here();) {
    if (looks < 10'000) {  // some microseconds: peers that are in step need no more
      looks++;
      continue;
    }
    if (p.ended.load(std::memory_order_acquire) && !here())
      fail(Code::peer_lost, "process {} of {} ended before the others", rank, count());
    if (getppid() != memory_.parent) fail(Code::peer_lost, "the process that started this job is gone");
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

void Job::sum(const float* in, float* out, int64_t n, int64_t tag) {
  for (int64_t at = 0; at < n; at += kSlot) {
    const int64_t part = std::min(kSlot, n - at);
    const size_t side = ++turn_ % 2;
    auto& own = memory_[rank_].slots[side];
    own.n = n, own.tag = tag;
    std::copy_n(in + at, part, own.values);
    memory_[rank_].arrived.store(turn_, std::memory_order_release);
    for (int r = 0; r < count(); r++) {
      wait_for(r);
      const auto& other = memory_[r].slots[side];
      if (other.n != n || other.tag != tag)
        fail(Code::bug, "process {} adds {} numbers for {}, process {} adds {} for {}: their programs differ", rank_, n, tag,
             r, other.n, other.tag);
    }
    for (int64_t i = 0; i < part; i++) {
      double total = 0;
      for (int r = 0; r < count(); r++) total += static_cast<double>(memory_[r].slots[side].values[i]);
      out[at + i] = static_cast<float>(total);
    }
  }
}

// All that a child does.
[[noreturn]] static void run_child(JobMemory& memory, int rank, const std::function<void(Job&)>& body) {
  Peer& own = memory[rank];
  auto failed = [&](Code code, const char* text) {
    own.code = static_cast<int>(code);
    std::snprintf(own.text, sizeof own.text, "%s", text);
  };
  try {
    Job job(memory, rank);
    body(job);
    own.finished = true;
  } catch (const Error& e) { failed(e.code(), e.what()); } catch (const std::bad_alloc&) {
    failed(Code::resources, "out of memory");
  } catch (const std::exception& e) { failed(Code::bug, e.what()); }
  std::fflush(nullptr);
  _exit(own.code);
}

// Why a process ended that did not end well.
static Error reason(const JobMemory& memory, int rank, int status) {
  const Peer& p = memory[rank];
  if (p.code) return {static_cast<Code>(p.code), p.text};
  std::string how = WIFSIGNALED(status) ? "by signal " + std::to_string(WTERMSIG(status)) : "by itself";
  return {Code::peer_lost, "process " + std::to_string(rank) + " of " + std::to_string(memory.count) + " was ended " + how};
}

// The processes by rank; fewer than there should be if the system has no more.
static std::vector<pid_t> start(JobMemory& memory, const std::function<void(Job&)>& body) {
  std::fflush(nullptr);  // or the children write it again
  std::vector<pid_t> r;
  r.reserve(static_cast<size_t>(memory.count));
  for (int rank = 0; rank < memory.count; rank++) {
    const pid_t process = fork();
    if (process == 0) run_child(memory, rank, body);
    if (process < 0) break;
    r.push_back(process);
  }
  return r;
}

// Until all have ended. The first that is found to have failed is the cause: what others report comes from it.
static std::optional<Error> await(JobMemory& memory, const std::vector<pid_t>& processes) {
  std::optional<Error> cause;
  std::vector<char> ended(processes.size());
  while (std::count(ended.begin(), ended.end(), 0) > 0) {
    for (size_t i = 0; i < processes.size(); i++) {
      int status = 0;
      if (ended[i] || waitpid(processes[i], &status, WNOHANG) == 0) continue;
      ended[i] = 1;
      const int rank = static_cast<int>(i);
      memory[rank].ended.store(true, std::memory_order_release);
      if (!memory[rank].finished && !cause) cause = reason(memory, rank, status);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return cause;
}

void run_job(int count, const std::function<void(Job&)>& body) {
  if (count < 1 || count > 256) fail(Code::usage, "a job of {} processes, need 1 to 256", count);
  JobMemory memory(count);
  const std::vector<pid_t> processes = start(memory, body);
  const int started = static_cast<int>(processes.size()), error = errno;
  for (int r = started; r < count; r++) memory[r].ended = true;
  const std::optional<Error> cause = await(memory, processes);
  if (started < count) fail(Code::resources, "{} of {} processes of a job: {}", started, count, std::strerror(error));
  if (cause) throw *cause;
}

}  // namespace fovea
