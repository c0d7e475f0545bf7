// Speed of the depthwise, pooling and attention kernels, and the share of the FMA peak that this machine shows in the same
// run. A depthwise product that meets padding is counted whole, though the kernels skip it, so a share may pass 100 %.
//   kernels_window [--threads N] [--isa NAME] [--only TEXT]
#include <fmt/core.h>

#include <string>

#include "bench/measure.h"
#include "kernels/attention.h"
#include "kernels/depthwise.h"
#include "kernels/pool.h"

namespace fovea::kernels {
namespace {

using bench::best_time;
using bench::Buffer;

struct Machine {
  Isa isa;
  Pool& pool;
  double peak;  // FLOP/s

  std::string share(double flops, double t) const {
    return fmt::format("{:7.1f} {:4.0f} %", flops / t * 1e-9, 100 * flops / t / peak);
  }
};

void depthwise(int n, int size, int c, int k, int stride, const Machine& m) {
  const int pad = k / 2;
  ConvShape s{.n = n, .h = size, .w = size, .c = c, .o = c, .kh = k, .kw = k};
  s.sh = s.sw = stride, s.pt = s.pl = s.pb = s.pr = pad, s.groups = c;
  const size_t pixels = size_t(n) * s.oh() * s.ow(), weights = size_t(c) * k * k;
  const double flops = 2.0 * static_cast<double>(pixels * weights);
  const DepthwiseConv forward(s, Direction::forward, m.isa, m.pool.size());
  const DepthwiseConv data(s, Direction::backward_data, m.isa, m.pool.size());
  const DepthwiseWeightConv weight(s, m.isa, m.pool.size());
  Buffer x(size_t(n) * size * size * c), y(pixels * c), w(weights), packed(forward.packed_floats());
  Buffer work(std::max({forward.workspace_bytes(), data.workspace_bytes(), weight.workspace_bytes()}) / 4);
  const double p = best_time([&] { forward.pack(w.data, packed.data, m.pool); });
  const double f = best_time([&] { forward.run(x.data, packed.data, y.data, work.data, m.pool, nullptr); });
  data.pack(w.data, packed.data, m.pool);
  const double d = best_time([&] { data.run(y.data, packed.data, x.data, work.data, m.pool, nullptr); });
  const double g = best_time([&] { weight.run(x.data, y.data, w.data, work.data, m.pool); });
  fmt::print("depthwise {:>2}x{:<2}/{} n{:<3}{:>3}x{:<3} {:>4}   {}  {}  {}  pack {:6.1f} us\n", k, k, stride, n, size, size,
             c, m.share(flops, f), m.share(flops, d), m.share(flops, g), p * 1e6);
}

void attention(int b, int heads, int tokens, int d, const Machine& m) {
  const int64_t row = int64_t{heads} * d;
  const TokenStrides fused{tokens * 3 * row, 3 * row, d};
  const AttentionShape s{.b = b,
                         .heads = heads,
                         .nq = tokens,
                         .nk = tokens,
                         .d = d,
                         .scale = 0.125f,
                         .q = fused,
                         .k = fused,
                         .v = fused,
                         .y = {tokens * row, row, d}};
  const Attention kernel(s, m.isa, m.pool.size());
  Buffer qkv(size_t(b) * tokens * 3 * row), dqkv(size_t(b) * tokens * 3 * row), y(size_t(b) * tokens * row);
  Buffer dy(size_t(b) * tokens * row), lse(size_t(b) * heads * tokens);
  Buffer work(std::max(kernel.forward_workspace_bytes(), kernel.backward_workspace_bytes()) / 4);
  const float *q = qkv.data, *k = q + row, *v = k + row;
  const double f = best_time([&] { kernel.forward(q, k, v, nullptr, y.data, lse.data, work.data, m.pool); });
  const double g = best_time([&] {
    float* dq = dqkv.data;
    kernel.backward({q, k, v, nullptr, y.data, lse.data}, dy.data, dq, dq + row, dq + 2 * row, nullptr, work.data, m.pool);
  });
  const double product = 2.0 * b * heads * tokens * tokens * d;
  fmt::print("attention n{:<3} {} heads {} x {:<4}         {}  {}\n", b, heads, tokens, d, m.share(2 * product, f),
             m.share(5 * product, g));
}

void pooling(const char* name, const PoolShape& s, const Machine& m) {
  const MaxPool most(s, m.isa, m.pool.size());
  const AvgPool mean(s, {}, m.isa, m.pool.size());
  const size_t in = size_t(s.n) * s.h * s.w * s.c, out = size_t(s.n) * s.oh() * s.ow() * s.c;
  Buffer x(in), y(out), dx(in);
  Buffer work(std::max({most.forward_workspace_bytes(), most.backward_workspace_bytes(), mean.workspace_bytes()}) / 4);
  const double times[] = {best_time([&] { most.forward(x.data, y.data, work.data, m.pool); }),
                          best_time([&] { most.backward(x.data, y.data, dx.data, work.data, m.pool); }),
                          best_time([&] { mean.forward(x.data, y.data, work.data, m.pool); }),
                          best_time([&] { mean.backward(y.data, dx.data, work.data, m.pool); })};
  fmt::print("{:<32}", name);
  for (double t : times) fmt::print("  {:7.1f} us {:5.1f} GB/s", t * 1e6, static_cast<double>(in + out) * 4e-9 / t);
  fmt::print("\n");
}

void everything(const bench::Options& options, const Machine& m) {
  fmt::print("{:36}{:>14}{:>16}{:>16}\n", "GFLOP/s, share of the peak", "forward", "by data", "by weight");
  if (options.takes("depthwise")) {
    for (auto [size, c] :
         {std::pair{56, 96}, {28, 192}, {14, 384}, {7, 768}, {56, 40}, {56, 64}, {28, 128}, {14, 512}, {28, 512}})
      depthwise(1, size, c, 7, 1, m);
    depthwise(8, 7, 768, 7, 1, m);
    for (auto [size, c] : {std::pair{112, 32}, {56, 128}, {28, 256}, {14, 512}, {7, 960}}) depthwise(1, size, c, 3, 1, m);
    for (auto [size, c] : {std::pair{112, 64}, {56, 144}, {28, 192}}) depthwise(1, size, c, 3, 2, m);
    for (auto [size, c] : {std::pair{28, 120}, {14, 480}, {7, 672}}) depthwise(1, size, c, 5, 1, m);
    for (int k : {9, 11, 13, 15, 21, 31}) depthwise(1, 28, 64, k, 1, m);
    for (int c : {8, 16, 24, 32, 1024}) depthwise(1, 28, c, 7, 1, m);
  }
  if (options.takes("attention")) {
    for (int heads : {3, 6, 12}) attention(1, heads, 197, 64, m);
    attention(8, 6, 197, 64, m);
    attention(64, 3, 49, 32, m);
    attention(1, 6, 1024, 64, m);
  }
  if (options.takes("pool")) {
    fmt::print("{:32}{:>23}{:>23}{:>23}{:>23}\n", "time, bytes of x and y", "max", "max gradient", "mean", "mean gradient");
    pooling("pool 3x3/2 112x112 64",
            {.n = 1, .h = 112, .w = 112, .c = 64, .kh = 3, .kw = 3, .sh = 2, .sw = 2, .pt = 1, .pl = 1, .pb = 1, .pr = 1},
            m);
    pooling("pool 2x2/2 56x56 256", {.n = 1, .h = 56, .w = 56, .c = 256, .kh = 2, .kw = 2, .sh = 2, .sw = 2}, m);
    pooling("pool 3x3 28x28 256", {.n = 1, .h = 28, .w = 28, .c = 256, .kh = 3, .kw = 3, .pt = 1, .pl = 1, .pb = 1, .pr = 1},
            m);
  }
}

}  // namespace
}  // namespace fovea::kernels

int main(int argc, char** argv) {
  using namespace fovea;
  const bench::Options options(argc, argv);
  Pool pool(options.threads);
  const kernels::Machine machine{options.isa, pool, bench::peak(options.isa, pool)};
  fmt::print("{}, {} threads, peak {:.0f} GFLOP/s\n", isa_name(options.isa), options.threads, machine.peak * 1e-9);
  kernels::everything(options, machine);
}
