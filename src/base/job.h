// A job: processes of one machine that run the same program on different data, and add up numbers on the way.
//
//   run_job(2, [&](Job& job) { ...; job.sum(mine, of_all, n, 0); });
#pragma once
#include <cstdint>
#include <functional>

namespace fovea {

class JobMemory;

// What one process has of its job.
class Job {
 public:
  Job(JobMemory& memory, int rank) : memory_(memory), rank_(rank) {}
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  int rank() const { return rank_; }
  int count() const;

  // out[i] = in[i] of all processes, added up in the order of ranks: the same bits in each; out may be in. Waits for the
  // others, who make the same calls: a bug error if their n or tag differ, peer_lost if one has ended, however it did.
  void sum(const float* in, float* out, int64_t n, int64_t tag);

 private:
  void wait_for(int rank) const;
  JobMemory& memory_;
  int rank_;
  uint64_t turn_ = 0;
};

// Forks `count` processes, up to 256, each of which runs body(job), and returns when all have ended. Throws what the first
// to fail threw, peer_lost if it ended otherwise. To be called while this process has one thread: a fork copies no other.
void run_job(int count, const std::function<void(Job&)>& body);

}  // namespace fovea
