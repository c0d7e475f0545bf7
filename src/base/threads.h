// A fork-join pool. The caller is thread 0 and works too. Nothing computed on it may depend on the number of
// threads: work is divided among threads, reductions never are.
#pragma once
#include <atomic>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace fovea {

// Floating point as every kernel expects it, whatever the host program set: round to nearest, denormals are zero. The pool
// sets it for its jobs; who computes outside of them sets it for himself.
class FloatMode {
 public:
  FloatMode();
  ~FloatMode();
  FloatMode(const FloatMode&) = delete;
  FloatMode& operator=(const FloatMode&) = delete;

 private:
  uint64_t before_;
};

class Pool {
 public:
  // 1 <= threads <= 256. One thread runs everything inline.
  explicit Pool(int threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int size() const { return threads_; }

  // body(share) once for every share in [0, size()), each on its own thread if all are awake: who is late finds his share
  // done by another. Returns when all are done. Must not throw. Not reentrant: a nested call runs inline.
  template <class F>
  void run(F&& body) {
    using Body = std::remove_reference_t<F>;
    dispatch([](void* ctx, int thread) { (*static_cast<Body*>(ctx))(thread); },
             const_cast<std::remove_const_t<Body>*>(&body));
  }

  // body(i) for every i in [0, n), each exactly once, handed out one at a time: for uneven work.
  template <class F>
  void each(int64_t n, F&& body) {
    std::atomic<int64_t> at{0};
    auto take = [&](int) {
      for (int64_t i = at.fetch_add(1, std::memory_order_relaxed); i < n; i = at.fetch_add(1, std::memory_order_relaxed))
        body(i);
    };
    run(take);
  }

 private:
  void dispatch(void (*fn)(void*, int), void* ctx) noexcept;
  struct Shared;
  Shared* shared_;
  int threads_;
};

// The part [begin, end) of n items that thread t of `threads` takes, in multiples of `unit`.
inline std::pair<int64_t, int64_t> share(int64_t n, int t, int threads, int64_t unit = 1) {
  int64_t blocks = (n + unit - 1) / unit;
  int64_t begin = blocks * t / threads * unit, end = blocks * (t + 1) / threads * unit;
  return {begin < n ? begin : n, end < n ? end : n};
}

// What this process may use: its CPU affinity and cgroup quota, at least 1.
int available_threads();

}  // namespace fovea
