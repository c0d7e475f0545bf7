// Sums over the processes of a job.
#include "ops/all_reduce.h"
#include "base/error.h"
#include "base/job.h"
#include "plan/rows/rows.h"

namespace fovea {
namespace {

Bound bind_all_reduce(const Query& q) {
  Bound b;
  b.run = [n = q.out().numel(), id = q.id, processes = q.node.attr.as<AllReduce>().processes](const Call& c) {
    if (c.job && c.job->count() != processes)
      fail(Code::usage, "a graph for {} processes in a job of {}", processes, c.job->count());
    if (c.job) return c.job->sum(c.in[0], c.out[0], n, id);
    for (int64_t i = 0; i < n; i++) c.out[0][i] = c.in[0][i] * static_cast<float>(processes);
  };
  return b;
}

const Row rows[] = {{&AllReduce::op, "all_reduce", takes_all, bind_all_reduce}};

}  // namespace

std::span<const Row> all_reduce_rows() { return rows; }

}  // namespace fovea
