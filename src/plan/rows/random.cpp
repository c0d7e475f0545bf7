// Random draws.
#include <bit>

#include "base/random.h"
#include "ops/random.h"
#include "plan/rows/rows.h"

namespace fovea {
namespace {

Bound bind_uniform(const Query& q) {
  Bound b;
  b.run = [n = q.out().numel(), stream = q.node.attr.as<Uniform>().stream](const Call& c) {
    uint64_t key = std::bit_cast<uint32_t>(c.in[0][0]) | uint64_t{std::bit_cast<uint32_t>(c.in[0][1])} << 32;
    c.pool->run([&](int thread) {
      auto [begin, end] = share(n, thread, c.pool->size(), 4);
      for (int64_t i = begin; i < end; i += 4) {
        auto bits = philox(key, stream, static_cast<uint64_t>(i / 4));
        for (int64_t j = i; j < i + 4 && j < end; j++) c.out[0][j] = unit_float(bits[static_cast<size_t>(j - i)]);
      }
    });
  };
  return b;
}

const Row rows[] = {{&Uniform::op, "uniform", takes_all, bind_uniform}};

}  // namespace

std::span<const Row> random_rows() { return rows; }

}  // namespace fovea
