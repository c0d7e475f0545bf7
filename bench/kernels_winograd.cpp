// Winograd's convolution beside the direct one, run in turn: GFLOP/s as the direct one counts them, best of some runs.
//   kernels_winograd [--threads N] [--only TEXT] [--cold 1]
//   --cold: every run finds its weights in memory, not in the cache, as in a network whose weights exceed it.
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/threads.h"
#include "bench/measure.h"
#include "kernels/conv_gather.h"
#include "kernels/winograd.h"

namespace fovea::kernels {
namespace {

using bench::Buffer;

// A kernel with operands of its own; with several copies of the weights, every run takes the next.
template <class Kernel>
class Subject {
 public:
  Subject(Kernel kernel, const Buffer& w, Pool& pool, bool cold)
      : kernel_(std::move(kernel)),
        floats_(kernel_.packed_floats()),
        copies_(cold ? (size_t{48} << 20) / (floats_ * 4) + 2 : 1),
        packed_(floats_ * copies_),
        work_(kernel_.workspace_bytes() / 4) {
    for (size_t i = 0; i < copies_; i++) kernel_.pack(w.data, packed_.data + i * floats_, pool);
  }
  void run(const Buffer& x, Buffer& y, Pool& pool) {
    const float* weights = packed_.data + floats_ * (turn_++ % copies_);
    const double start = bench::seconds();
    kernel_.run(x.data, weights, y.data, work_.data, pool, nullptr);
    best_ = std::min(best_, bench::seconds() - start);
  }
  double best() const { return best_; }

 private:
  Kernel kernel_;
  size_t floats_, copies_;
  Buffer packed_, work_;
  size_t turn_ = 0;
  double best_ = 1e30;
};

void measure(const ConvShape& s, Pool& pool, bool cold) {
  const size_t outputs = size_t(s.n) * s.oh() * s.ow() * s.o;
  const double flops = 2.0 * outputs * 9 * s.c;
  const Isa isa = active_isa();
  Buffer x(size_t(s.n) * s.h * s.w * s.c), y(outputs), w(size_t(s.o) * 9 * s.c);
  Subject<GatherConv> direct(GatherConv(s, Direction::forward, isa, pool.size()), w, pool, cold);
  Subject<Winograd> small(Winograd(s, Direction::forward, isa, pool.size(), 2), w, pool, cold);
  Subject<Winograd> large(Winograd(s, Direction::forward, isa, pool.size(), 4), w, pool, cold);
  const double begin = bench::seconds();
  for (int i = 0; i < 8 || (i < 2000 && bench::seconds() - begin < 0.3); i++) {
    direct.run(x, y, pool);
    small.run(x, y, pool);
    large.run(x, y, pool);
  }
  const char* refused = winograd_refuses(s);
  fmt::print("n{} {:>3}x{:<3} {:>4}->{:<4} direct {:6.1f}   2x2 {:6.1f} = {:4.2f}x   4x4 {:6.1f} = {:4.2f}x   {}\n", s.n,
             s.h, s.w, s.c, s.o, flops / direct.best() * 1e-9, flops / small.best() * 1e-9, direct.best() / small.best(),
             flops / large.best() * 1e-9, direct.best() / large.best(),
             refused ? refused : Winograd(s, Direction::forward, isa, pool.size()).name());
  std::fflush(stdout);
}

}  // namespace
}  // namespace fovea::kernels

int main(int argc, char** argv) {
  using namespace fovea;
  const bench::Options options(argc, argv);
  Pool pool(options.threads);
  for (int n : {1, 8}) {
    for (auto [size, c] : {std::pair{224, 16}, {112, 32}, {56, 64}, {56, 128}, {28, 128}, {28, 256}, {14, 256}, {7, 512}}) {
      const kernels::ConvShape s{
          .n = n, .h = size, .w = size, .c = c, .o = c, .kh = 3, .kw = 3, .pt = 1, .pl = 1, .pb = 1, .pr = 1};
      if (options.takes(fmt::format("n{} {}", n, size))) kernels::measure(s, pool, options.cold);
    }
  }
}
