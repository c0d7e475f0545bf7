// Speed of the dense kernels: GFLOP/s and the share of the FMA peak that this machine shows in the same run.
//   kernels_conv [--threads N] [--isa NAME] [--only TEXT]
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "base/threads.h"
#include "kernels/conv.h"
#include "kernels/gemm_tile.h"

namespace fovea::kernels {
namespace {

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// The best of several runs, each long enough to time.
double best_time(const std::function<void()>& run) {
  run();
  double best = 1e30;
  const double begin = seconds();
  for (int i = 0; i < 5 || (i < 200 && seconds() - begin < 0.15); i++) {
    const double start = seconds();
    run();
    best = std::min(best, seconds() - start);
  }
  return best;
}

struct Buffer {
  explicit Buffer(size_t n) : data(static_cast<float*>(std::aligned_alloc(64, (n * 4 + 127) / 64 * 64))) {
    for (size_t i = 0; i < n; i++) data[i] = static_cast<float>(i % 13) * 0.01f;
  }
  ~Buffer() { std::free(data); }
  Buffer(const Buffer&) = delete;
  float* data;
};

// A tile whose operands stay in L1: the machine's peak as these kernels can see it.
double peak(Isa isa, Pool& pool) {
  const TileSet& set = tile_set(isa);
  const int rows = set.rows_form_rows[set.vectors - 1], depth = 64, repeats = 20000;
  const double t = best_time([&] {
    pool.run([&](int) {
      alignas(64) static thread_local float a[64 * 64], b[16 * 64], c[16 * 64];
      const float *as = a, *bs[16];
      float* cs[16];
      for (int r = 0; r < rows; r++) bs[r] = b + r * depth, cs[r] = c + r * 64;
      const Tile tile{&as, bs, cs, 0, 0, 0, 64, 0, 0, 1, depth, set.width(), false};
      for (int i = 0; i < repeats; i++) set.rows_form[set.vectors - 1][rows - 1](tile);
    });
  });
  return 2.0 * rows * set.width() * depth * repeats * pool.size() / t * 1e-9;
}

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

void measure(const Case& item, Isa isa, Pool& pool, double top) {
  const ConvShape& s = item.shape;
  const size_t y_size = size_t(s.n) * s.oh() * s.ow() * s.o;
  const double flops = 2.0 * y_size * s.kh * s.kw * s.c / s.groups;
  Buffer x(size_t(s.n) * s.h * s.w * s.c), y(y_size), w(size_t(s.o) * s.kh * s.kw * s.c / s.groups);
  const auto forward = ConvForward::make(s, isa, pool.size());
  const auto data = ConvBackwardData::make(s, isa, pool.size());
  const auto weight = ConvBackwardWeight::make(s, isa, pool.size());
  Buffer packed(std::max(forward->packed_floats(), data->packed_floats()));
  Buffer work(std::max({forward->workspace_bytes(), data->workspace_bytes(), weight->workspace_bytes()}) / 4);
  const double pack = best_time([&] { forward->pack(w.data, packed.data, pool); });
  const double f = best_time([&] { forward->run(x.data, packed.data, y.data, work.data, pool, nullptr); });
  data->pack(w.data, packed.data, pool);
  const double d = best_time([&] { data->run(y.data, packed.data, x.data, work.data, pool); });
  const double g = best_time([&] { weight->run(x.data, y.data, w.data, work.data, pool); });
  const auto column = [&](double t) { return fmt::format("{:7.1f} {:4.0f} %", flops / t * 1e-9, flops / t * 1e-7 / top); };
  fmt::print("{:18} n{:<4}{:>3}x{:<3} {:>4}->{:<4} {}  {}  {}  pack {:7.1f} us\n", item.name, s.n, s.h, s.w, s.c, s.o,
             column(f), column(d), column(g), pack * 1e6);
  std::fflush(stdout);
}

}  // namespace
}  // namespace fovea::kernels

int main(int argc, char** argv) {
  using namespace fovea;
  int threads = available_threads();
  Isa isa = active_isa();
  std::string only;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (!std::strcmp(argv[i], "--threads")) threads = std::atoi(argv[i + 1]);
    if (!std::strcmp(argv[i], "--isa")) isa = isa_from(argv[i + 1]);
    if (!std::strcmp(argv[i], "--only")) only = argv[i + 1];
  }
  Pool pool(threads);
  const double top = kernels::peak(isa, pool);
  fmt::print("{}, {} threads, peak {:.0f} GFLOP/s\n{:40}{:>16}{:>16}{:>16}\n", isa_name(isa), threads, top, "", "forward",
             "by data", "by weight");
  for (const auto& item : kernels::cases()) {
    if (fmt::format("{} n{}", item.name, item.shape.n).find(only) != std::string::npos)
      kernels::measure(item, isa, pool, top);
  }
}
