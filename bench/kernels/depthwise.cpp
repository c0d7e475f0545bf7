// Depthwise convolutions of known networks, and where the kernels for any shape are much slower than for others.
#include <fmt/core.h>

#include <map>

#include "bench/kernels/conv_task.h"
#include "kernels/depthwise.h"
#include "kernels/depthwise_small.h"
#include "kernels/fft.h"

namespace fovea::bench {
namespace {

using kernels::DepthwiseConv;
using kernels::Direction;

// Its bound is of the norms of a plane and a kernel, of which the largest sum sees an eighth or more.
constexpr double kFft = kernels::kFftError * 0x1p-24 * 8;

bool large(const ConvShape& s) { return s.kh * s.kw >= 49 && !kernels::fft_cannot(s); }

// The kernels that compute it, those for any window first.
std::vector<Subject> kernels_of(Suite& suite, std::shared_ptr<ConvTask> task) {
  const ConvShape& s = task->shape;
  const Isa isa = suite.options().isa;
  const int threads = suite.pool().size();
  if (task->way == Way::weight) {
    std::vector<Subject> all{weight_gradient("strips", task, kernels::DepthwiseWeightConv(s, isa, threads), suite)};
    if (!kernels::DepthwiseSmallWeight::cannot(s))
      all.push_back(weight_gradient("small tiles", task, kernels::DepthwiseSmallWeight(s, isa, threads), suite));
    if (large(s)) all.push_back(weight_gradient("fft", task, kernels::FftWeightConv(s, isa, threads), suite, kFft));
    return all;
  }
  const auto direction = task->way == Way::forward ? Direction::forward : Direction::backward_data;
  std::vector<Subject> all{packed("strips", task, DepthwiseConv(s, direction, isa, threads), suite)};
  if (!kernels::DepthwiseSmall::cannot(s, direction))
    all.push_back(packed("small tiles", task, kernels::DepthwiseSmall(s, direction, isa, threads), suite));
  if (large(s)) all.push_back(packed("fft", task, kernels::FftConv(s, direction, isa, threads), suite, kFft));
  return all;
}

// The one that the planner takes, where weights do not change.
Subject chosen(Suite& suite, std::shared_ptr<ConvTask> task) {
  const ConvShape& s = task->shape;
  const bool weight = task->way == Way::weight;
  const auto direction = task->way == Way::forward ? Direction::forward : Direction::backward_data;
  const bool fft = !(weight ? kernels::fft_weight_refuses(s) : kernels::fft_refuses(s, false));
  const bool small = !(weight ? kernels::DepthwiseSmallWeight::refuses(s) : kernels::DepthwiseSmall::refuses(s, direction));
  const std::vector<Subject> all = kernels_of(suite, task);
  return fft ? all.back() : small ? all[1] : all.front();
}

void one(Suite& suite, int n, int size, int c, int k, int stride = 1) {
  const ConvShape s = square(n, size, c, c, k, stride, c);
  for (Way way : kWays) {
    const std::string text = fmt::format("{} {}x{}/{} n{} {}x{} {}", way_name(way), k, k, stride, n, size, size, c);
    if (!suite.takes(text)) continue;
    auto task = std::make_shared<ConvTask>(s, way);
    std::vector<Subject> all = kernels_of(suite, task);
    if (suite.options().peers)
      if (auto peer = onednn(task, suite.pool().size())) all.push_back(*peer);
    suite.add({text, task->flops(), task->bytes(), all});
  }
}

// As many taps as values, of which each sees those before it.
void sequence(Suite& suite, int length) {
  constexpr int kMostDirect = 4096;  // strips plan each meeting of taps and values
  ConvShape s{.n = 1, .h = 1, .w = length, .c = 16, .o = 16, .kh = 1, .kw = length, .pl = length - 1, .groups = 16};
  const Isa isa = suite.options().isa;
  const int threads = suite.pool().size();
  for (Way way : kWays) {
    const std::string text = fmt::format("{} sequence {} 16", way_name(way), length);
    if (!suite.takes(text)) continue;
    auto task = std::make_shared<ConvTask>(s, way);
    const auto direction = way == Way::forward ? Direction::forward : Direction::backward_data;
    std::vector<Subject> all;
    if (length <= kMostDirect)
      all = kernels_of(suite, task);
    else if (way == Way::weight)
      all = {weight_gradient("fft", task, kernels::FftWeightConv(s, isa, threads), suite, kFft)};
    else
      all = {packed("fft", task, kernels::FftConv(s, direction, isa, threads), suite, kFft)};
    suite.add({text, task->flops(), task->bytes(), all});
  }
}

// Products that meet no padding.
double products(const ConvShape& s) {
  const auto along = [](int in, int out, int taps, int pad) {
    double inside = 0;
    for (int i = 0; i < out; i++)
      for (int v = 0; v < taps; v++) inside += i + v - pad >= 0 && i + v - pad < in;
    return inside;
  };
  return along(s.h, s.oh(), s.kh, s.pt) * along(s.w, s.ow(), s.kw, s.pl) * s.n * s.c;
}

struct Point {
  int k, size, c;
  double cost;  // seconds for a product inside the image
};

double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

// A row for each kernel size: the median, and for each map size the slowest channel count as its share of the peak. Then
// how many are more than 15 % over the median of their kernel size, and of all, and the worst of them.
void report(Suite& suite, Way way, const std::vector<Point>& points, const std::vector<int>& sizes) {
  const double lanes = 2.0 * 100 / suite.peak();
  std::map<int, std::vector<double>> by_kernel;
  std::vector<double> all;
  for (const Point& p : points) by_kernel[p.k].push_back(p.cost), all.push_back(p.cost);
  fmt::print("\n{:10}{:>8}", way_name(way), "median");
  for (int size : sizes) fmt::print("{:>12}", fmt::format("{}x{}", size, size));
  for (const auto& [k, costs] : by_kernel) {
    fmt::print("\n{:<10}{:>6.0f} %", fmt::format("{}x{}", k, k), lanes / median(costs));
    for (int size : sizes) {
      const Point* slowest = nullptr;
      for (const Point& p : points)
        if (p.k == k && p.size == size && (!slowest || p.cost > slowest->cost)) slowest = &p;
      fmt::print("{:>12}", slowest ? fmt::format("{:.0f} % c{}", lanes / slowest->cost, slowest->c) : "");
    }
  }
  const double middle = median(all);
  std::vector<Point> slow;
  size_t over_all = 0;
  for (const Point& p : points) {
    if (p.cost > 1.15 * median(by_kernel[p.k])) slow.push_back(p);
    over_all += p.cost > 1.15 * middle;
  }
  const auto ratio = [&](const Point& p) { return p.cost / median(by_kernel[p.k]); };
  std::sort(slow.begin(), slow.end(), [&](auto& a, auto& b) { return ratio(a) > ratio(b); });
  fmt::print("\n{} of {} over 1.15 x the median of their kernel size, {} over 1.15 x that of all ({:.0f} % of the peak):",
             slow.size(), points.size(), over_all, lanes / middle);
  for (size_t i = 0; i < std::min<size_t>(slow.size(), 20); i++) {
    const Point& p = slow[i];
    fmt::print("{}{}x{} {}x{} c{} {:.2f}x", i % 5 ? ", " : "\n  ", p.k, p.k, p.size, p.size, p.c, ratio(p));
  }
  fmt::print("\n");
}

}  // namespace

void depthwise(Suite& suite) {
  suite.category("depthwise");
  for (auto [size, c] : {std::pair{56, 96}, {28, 192}, {14, 384}, {7, 768}, {56, 40}, {28, 512}, {14, 512}, {28, 1024}})
    one(suite, 1, size, c, 7);
  one(suite, 8, 7, 768, 7);
  for (auto [size, c] : {std::pair{112, 32}, {56, 128}, {28, 256}, {14, 512}, {7, 960}}) one(suite, 1, size, c, 3);
  for (auto [size, c] : {std::pair{112, 64}, {56, 144}, {28, 192}}) one(suite, 1, size, c, 3, 2);
  for (auto [size, c] : {std::pair{28, 120}, {14, 480}, {7, 672}, {7, 1152}}) one(suite, 1, size, c, 5);
  for (auto [size, c] : {std::pair{56, 72}, {56, 144}, {14, 672}}) one(suite, 1, size, c, 5, 2);
  for (int size : {14, 28, 56})
    for (int k : {9, 13, 21, 31}) one(suite, 1, size, 64, k);
  for (int c : {8, 16, 24, 32}) one(suite, 1, 28, c, 7);
  for (int length : {256, 4096, 65536}) sequence(suite, length);
}

void cliffs(Suite& suite) {
  const std::vector<int> sizes{7, 10, 14, 20, 28, 56, 112};
  for (Way way : kWays) {
    std::vector<Point> points;
    for (int k : {3, 5, 7, 9, 11, 13, 15, 21, 31}) {
      for (int size : sizes) {
        for (int c : {8, 16, 24, 32, 40, 64, 96, 120, 192, 256, 384, 512, 768, 1024}) {
          if (c * size * size > 128 * 112 * 112) continue;  // larger than any network has
          if (!suite.takes(fmt::format("{} {}x{} {}x{} {}.", way_name(way), k, k, size, size, c))) continue;
          auto task = std::make_shared<ConvTask>(square(1, size, c, c, k, 1, c), way);
          const double time = least_times({chosen(suite, task)}, suite.options().time / 10)[0];
          points.push_back({k, size, c, time / products(task->shape)});
        }
      }
    }
    if (!points.empty()) report(suite, way, points, sizes);
  }
}

}  // namespace fovea::bench
