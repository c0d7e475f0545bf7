#include "base/threads.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

#include "base/cgroup.h"
#include "base/error.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace fovea {
namespace {

void pause_cpu() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Returns once `word` differs from `old`: at first by looking (that takes well under 1 us), after `patience` asleep in the
// kernel. The clock is asked only after the first looks, since asking takes as long as many of them.
template <class T>
void wait_while(const std::atomic<T>& word, T old, std::chrono::nanoseconds patience) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point until{};
  do {
    for (int i = 0; i < 64; i++) {
      if (word.load(std::memory_order_acquire) != old) return;
      pause_cpu();
    }
    if (until == Clock::time_point{}) until = Clock::now() + patience;
  } while (Clock::now() < until);
  word.wait(old, std::memory_order_acquire);
}

}  // namespace

#if defined(__x86_64__)
FloatMode::FloatMode() : before_(_mm_getcsr()) { _mm_setcsr(0x9FC0); }
FloatMode::~FloatMode() { _mm_setcsr(static_cast<unsigned>(before_)); }
#elif defined(__aarch64__)
FloatMode::FloatMode() : before_(0) {
  asm volatile("mrs %0, fpcr" : "=r"(before_));
  asm volatile("msr fpcr, %0" : : "r"(uint64_t{1} << 24));
}
FloatMode::~FloatMode() { asm volatile("msr fpcr, %0" : : "r"(before_)); }
#else
FloatMode::FloatMode() : before_(0) {}
FloatMode::~FloatMode() = default;
#endif

// What caller and workers write lies on separate cache lines, so that looking costs nothing while nobody writes.
// Every index of a job is claimed by whoever gets to it first, preferably the thread of that number: a worker that the
// system has put aside delays nobody, its share is done by then.
struct Pool::Shared {
  struct alignas(64) Claim {
    std::atomic<uint32_t> job{0};  // the last job in which this index was claimed
  };
  alignas(64) std::atomic<uint32_t> job{0};  // counts jobs; workers wait for it to move
  std::atomic<bool> ending{false};
  void (*fn)(void*, int) = nullptr;
  void* ctx = nullptr;
  alignas(64) std::atomic<int> pending{0};    // indices not done yet
  alignas(64) std::atomic<bool> busy{false};  // a job is running: further calls run inline
  std::chrono::nanoseconds patience{};
  std::vector<Claim> claims;
  std::vector<std::thread> workers;

  // A job does not end before all its indices are done, so fn and ctx stay those of `now` while one of them is held.
  void share_in(uint32_t now, int thread) {
    int count = static_cast<int>(claims.size());
    for (int k = 0; k < count; k++) {
      int index = (thread + k) % count;
      uint32_t before = now - 1;
      if (!claims[static_cast<size_t>(index)].job.compare_exchange_strong(before, now, std::memory_order_acq_rel)) continue;
      fn(ctx, index);
      if (pending.fetch_sub(1, std::memory_order_acq_rel) == 1) pending.notify_one();
    }
  }

  void work(int thread) {
    FloatMode mode;
    for (uint32_t seen = 0;;) {
      wait_while(job, seen, patience);
      seen = job.load(std::memory_order_acquire);
      if (ending.load(std::memory_order_acquire)) return;
      share_in(seen, thread);
    }
  }

  uint32_t start_job(void (*body)(void*, int), void* context) {
    fn = body, ctx = context;
    pending.store(static_cast<int>(claims.size()), std::memory_order_relaxed);
    uint32_t now = job.fetch_add(1) + 1;
    job.notify_all();
    return now;
  }

  void finish_job() {
    for (int left = pending.load(std::memory_order_acquire); left > 0; left = pending.load(std::memory_order_acquire)) {
      wait_while(pending, left, patience);
    }
  }

  ~Shared() {
    ending = true;
    job.fetch_add(1);
    job.notify_all();
    for (std::thread& worker : workers) worker.join();
  }
};

Pool::Pool(int threads) : shared_(nullptr), threads_(threads) {
  if (threads < 1 || threads > 256) fail(Code::usage, "threads: got {}, need 1 to 256", threads);
  auto shared = std::make_unique<Shared>();
  // A thread that waits for one that has no CPU only keeps it from getting one.
  shared->patience = std::chrono::microseconds(threads <= available_threads() ? 60 : 1);
  shared->claims = std::vector<Shared::Claim>(static_cast<size_t>(threads));
  try {
    for (int t = 1; t < threads; t++) shared->workers.emplace_back(&Shared::work, shared.get(), t);
  } catch (const std::system_error& error) {
    fail(Code::resources, "cannot start thread {} of {}: {}", shared->workers.size() + 2, threads, error.what());
  }
  shared_ = shared.release();
}

Pool::~Pool() { delete shared_; }

void Pool::dispatch(void (*fn)(void*, int), void* ctx) noexcept {
  FloatMode mode;
  if (threads_ == 1 || shared_->busy.exchange(true, std::memory_order_acquire)) {
    for (int t = 0; t < threads_; t++) fn(ctx, t);
    return;
  }
  shared_->share_in(shared_->start_job(fn, ctx), 0);
  shared_->finish_job();
  shared_->busy.store(false, std::memory_order_release);
}

int available_threads() {
  cpu_set_t sets[8];  // 8192 CPUs
  bool known = sched_getaffinity(0, sizeof sets, sets) == 0;
  int cpus = known ? CPU_COUNT_S(sizeof sets, sets) : 1;
  return std::max(1, std::min(cpus, cgroup_cpus()));
}

}  // namespace fovea
