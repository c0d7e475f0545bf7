// Speed of the dense kernels: GFLOP/s and the share of the FMA peak that this machine shows in the same run.
//   kernels_conv [--threads N] [--isa NAME] [--only TEXT] [--cold 1] [--precisions 1]
//   --cold: every run finds its weights in memory, not in the cache, as in a network whose weights exceed it.
//   --precisions: forward in f32, bf16 and int8, instead of f32 in three directions.
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/threads.h"
#include "bench/measure.h"
#include "kernels/conv_gather.h"
#include "kernels/conv_weight.h"
#include "kernels/peak.h"

namespace fovea::kernels {
namespace {

using bench::best_time;
using bench::Buffer;

struct Case {
  const char* name;
  ConvShape shape;
};

ConvShape square(int n, int size, int c, int o, int k, int stride, int groups = 1) {
  const int p = k / 2;
  return {.n = n,
          .h = size,
          .w = size,
          .c = c,
          .o = o,
          .kh = k,
          .kw = k,
          .sh = stride,
          .sw = stride,
          .pt = p,
          .pl = p,
          .pb = p,
          .pr = p,
          .groups = groups};
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (int n : {1, 8}) {
    all.push_back({"resnet50 stem", square(n, 224, 3, 64, 7, 2)});
    for (auto [size, c] : {std::pair{56, 64}, {28, 128}, {14, 256}, {7, 512}}) {
      all.push_back({"resnet50 3x3", square(n, size, c, c, 3, 1)});
      all.push_back({"resnet50 1x1 up", square(n, size, c, 4 * c, 1, 1)});
      all.push_back({"resnet50 1x1 down", square(n, size, 4 * c, c, 1, 1)});
      if (c < 512) all.push_back({"resnet50 3x3/2", square(n, size, 2 * c, 2 * c, 3, 2)});
      if (c < 512) all.push_back({"resnet50 1x1/2", square(n, size, 4 * c, 8 * c, 1, 2)});
    }
    for (auto [size, c] : {std::pair{56, 128}, {28, 256}, {14, 512}, {7, 1024}})
      all.push_back({"resnext50 3x3 g32", square(n, size, c, c, 3, 1, 32)});
    all.push_back({"classifier", {.n = n, .h = 1, .w = 1, .c = 2048, .o = 1000, .kh = 1, .kw = 1}});
    all.push_back({"vit fc1", {.n = 1, .h = 1, .w = 197 * n, .c = 768, .o = 3072, .kh = 1, .kw = 1}});
    all.push_back({"vit fc2", {.n = 1, .h = 1, .w = 197 * n, .c = 3072, .o = 768, .kh = 1, .kw = 1}});
    all.push_back({"convnext fc1", {.n = n, .h = 56, .w = 56, .c = 96, .o = 384, .kh = 1, .kw = 1}});
    all.push_back({"convnext fc2", {.n = n, .h = 56, .w = 56, .c = 384, .o = 96, .kh = 1, .kw = 1}});
    all.push_back({"convnext fc1", {.n = n, .h = 7, .w = 7, .c = 768, .o = 3072, .kh = 1, .kw = 1}});
    all.push_back({"mobilenet 1x1", {.n = n, .h = 112, .w = 112, .c = 16, .o = 96, .kh = 1, .kw = 1}});
    all.push_back({"mobilenet 1x1", {.n = n, .h = 56, .w = 56, .c = 144, .o = 24, .kh = 1, .kw = 1}});
  }
  all.push_back({"resnet20 stem", square(128, 32, 3, 16, 3, 1)});
  all.push_back({"resnet20 16", square(128, 32, 16, 16, 3, 1)});
  all.push_back({"resnet20 16/2", square(128, 32, 16, 32, 3, 2)});
  all.push_back({"resnet20 32", square(128, 16, 32, 32, 3, 1)});
  all.push_back({"resnet20 32/2", square(128, 16, 32, 64, 3, 2)});
  all.push_back({"resnet20 64", square(128, 8, 64, 64, 3, 1)});
  return all;
}

void measure(const Case& item, Isa isa, Pool& pool, double top, bool cold) {
  const ConvShape& s = item.shape;
  const size_t y_size = size_t(s.n) * s.oh() * s.ow() * s.o;
  const double flops = 2.0 * y_size * s.kh * s.kw * s.c / s.groups;
  Buffer x(size_t(s.n) * s.h * s.w * s.c), y(y_size), w(size_t(s.o) * s.kh * s.kw * s.c / s.groups);
  const GatherConv forward(s, Direction::forward, isa, pool.size());
  const GatherConv data(s, Direction::backward_data, isa, pool.size());
  const WeightConv weight(s, isa, pool.size());
  const size_t packed_floats = std::max(forward.packed_floats(), data.packed_floats());
  const size_t copies = cold ? (size_t{32} << 20) / packed_floats + 1 : 1;
  Buffer packed(packed_floats * copies);
  size_t turn = 0;
  const auto weights = [&] { return packed.data + packed_floats * (turn++ % copies); };
  Buffer work(std::max({forward.workspace_bytes(), data.workspace_bytes(), weight.workspace_bytes()}) / 4);
  const double pack = best_time([&] { forward.pack(w.data, packed.data, pool); });
  const double f = best_time([&] { forward.run(x.data, weights(), y.data, work.data, pool, nullptr); });
  data.pack(w.data, packed.data, pool);
  const double d = best_time([&] { data.run(y.data, weights(), x.data, work.data, pool, nullptr); });
  const double g = best_time([&] { weight.run(x.data, y.data, w.data, work.data, pool); });
  const auto column = [&](double t) { return fmt::format("{:7.1f} {:4.0f} %", flops / t * 1e-9, flops / t * 1e-7 / top); };
  fmt::print("{:18} n{:<4}{:>3}x{:<3} {:>4}->{:<4} {}  {}  {}  pack {:7.1f} us\n", item.name, s.n, s.h, s.w, s.c, s.o,
             column(f), column(d), column(g), pack * 1e6);
  std::fflush(stdout);
}

void compare(const Case& item, Isa isa, Pool& pool) {
  const ConvShape& s = item.shape;
  const size_t y_size = size_t(s.n) * s.oh() * s.ow() * s.o;
  const double flops = 2.0 * y_size * s.kh * s.kw * s.c / s.groups;
  Buffer x(size_t(s.n) * s.h * s.w * s.c), y(y_size), w(size_t(s.o) * s.kh * s.kw * s.c / s.groups);
  fmt::print("{:18} n{:<4}{:>3}x{:<3} {:>4}->{:<4}", item.name, s.n, s.h, s.w, s.c, s.o);
  double single = 0;
  for (const GatherConv& conv : {GatherConv(s, Direction::forward, isa, pool.size()),
                                 GatherConv(s, Direction::forward, isa, pool.size(), Precision::bf16),
                                 GatherConv(s, isa, pool.size(), Quantization{0.01f, 100})}) {
    Buffer packed(conv.packed_floats()), work(conv.workspace_bytes() / 4);
    conv.pack(w.data, packed.data, pool);
    const double t = best_time([&] { conv.run(x.data, packed.data, y.data, work.data, pool, nullptr); });
    if (single == 0) single = t;
    fmt::print("{:10.1f} {:5.2f} x", flops / t * 1e-9, single / t);
  }
  fmt::print("\n");
  std::fflush(stdout);
}

}  // namespace
}  // namespace fovea::kernels

int main(int argc, char** argv) {
  using namespace fovea;
  const bench::Options options(argc, argv);
  Pool pool(options.threads);
  const auto each_case = [&](auto&& measure) {
    for (const auto& item : kernels::cases()) {
      if (options.takes(fmt::format("{} n{}", item.name, item.shape.n))) measure(item);
    }
  };
  if (options.precisions) {
    fmt::print("{}, {} threads, GFLOP/s\n{:41}{:>10}{:>18}{:>18}\n", isa_name(options.isa), options.threads, "", "f32",
               "bf16", "int8");
    each_case([&](const auto& item) { kernels::compare(item, options.isa, pool); });
    return 0;
  }
  const double top = kernels::measure_peak(options.isa, pool) * 1e-9;
  fmt::print("{}, {} threads, peak {:.0f} GFLOP/s\n{:40}{:>16}{:>16}{:>16}\n", isa_name(options.isa), options.threads, top,
             "", "forward", "by data", "by weight");
  each_case([&](const auto& item) { kernels::measure(item, options.isa, pool, top, options.cold); });
}
