// The suite of kernels: each case by every kernel that can do it, checked against sums in double and measured in turn.
//   bench_kernels [CATEGORY...] [--threads N] [--isa NAME] [--only TEXT] [--cold 1] [--peers 0] [--time SECONDS]
// Prints time, GFLOP/s with their share of the peak that this machine shows in the same run, GB/s of operands, how many
// times as fast as the first kernel of the case, and the largest error as a part of what is allowed. Convolutions count as
// direct ones, products that meet padding included, so a share may pass 100 %. A wrong result makes the exit code 7.
#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "bench/kernels/measure.h"
#include "kernels/peak.h"

namespace fovea::bench {
namespace {

struct Category {
  const char* name;
  void (*run)(Suite&);
};
constexpr Category kCategories[] = {
    {"convolution", convolutions}, {"windows", windows}, {"depthwise", depthwise}, {"cliffs", cliffs},
    {"attention", attention},      {"pooling", pooling}, {"operators", operators}};

}  // namespace

Options::Options(int argc, char** argv) {
  for (int i = 1; i < argc; i++) {
    const std::string word = argv[i];
    if (word.rfind("--", 0) != 0) {
      categories.push_back(word);
      continue;
    }
    const char* value = i + 1 < argc ? argv[++i] : "";
    if (word == "--threads")
      threads = std::atoi(value);
    else if (word == "--isa")
      force_isa(isa = isa_from(value, "--isa"));
    else if (word == "--only")
      only = value;
    else if (word == "--cold")
      cold = std::atoi(value) != 0;
    else if (word == "--peers")
      peers = std::atoi(value) != 0;
    else if (word == "--time")
      time = std::atof(value);
    else
      fail(Code::usage, "{}: no such option", word);
  }
  for (const std::string& name : categories) {
    const bool known = std::any_of(std::begin(kCategories), std::end(kCategories), [&](auto& c) { return name == c.name; });
    if (!known) fail(Code::usage, "{}: no such category", name);
  }
}

Suite::Suite(const Options& o) : options_(o), pool_(o.threads), peak_(kernels::measure_peak(o.isa, pool_)) {
  fmt::print("{}, {} threads, peak {:.0f} GFLOP/s\n", isa_name(o.isa), o.threads, peak_ * 1e-9);
}

void Suite::category(const char* name) {
  category_ = name;
  fmt::print("\n{:46}{:<22}{:>10}{:>9}{:>7}{:>8}{:>8}{:>8}\n", category_, "kernel", "us", "GFLOP/s", "peak", "GB/s", "speed",
             "error");
}

// A peer's threads wait actively for some milliseconds, in which nobody else is measured.
std::vector<double> least_times(const std::vector<Subject>& subjects, double time) {
  std::vector<double> least(subjects.size(), 1e30);
  constexpr int kRounds = 4;
  for (int round = 0; round < kRounds; round++) {
    for (size_t i = 0; i < subjects.size(); i++) {
      if (least[i] < 1e30 && least[i] > 20 * time) continue;  // so long a run needs no repeats
      subjects[i].run();
      const double begin = seconds();
      for (int runs = 0; runs < 2 || (runs < 1000 && seconds() - begin < time / kRounds); runs++) {
        const double start = seconds();
        subjects[i].run();
        least[i] = std::min(least[i], seconds() - start);
      }
      if (!subjects[i].peer) continue;
      for (const double end = seconds(); seconds() - end < 0.02;) {}
    }
  }
  return least;
}

void Suite::add(const Case& item) {
  std::vector<double> errors;
  for (const Subject& s : item.subjects) {
    s.run();
    errors.push_back(s.error ? s.error() : -1);
  }
  const std::vector<double> times = least_times(item.subjects, options_.time);
  for (size_t i = 0; i < times.size(); i++) {
    const bool wrong = !(errors[i] <= 1);  // a NaN too
    const auto rate = [&](double amount, double unit, const char* none) {
      return amount > 0 ? fmt::format("{:.1f}", amount / times[i] * unit) : none;
    };
    const std::string share = item.flops > 0 ? fmt::format("{:.0f} %", 100 * item.flops / times[i] / peak_) : "";
    fmt::print("{:46}{:<22}{:>10.2f}{:>9}{:>7}{:>8}{:>8}{:>8}\n", i ? "" : item.name, item.subjects[i].name, times[i] * 1e6,
               rate(item.flops, 1e-9, ""), share, rate(item.bytes, 1e-9, ""), fmt::format("{:.2f}x", times[0] / times[i]),
               errors[i] == -1 ? "-"
               : wrong         ? "WRONG"
                               : fmt::format("{:.2f}", errors[i]));
    measured_++, checked_ += errors[i] != -1, wrong_ += wrong;
  }
  std::fflush(stdout);
}

int Suite::summary() const {
  fmt::print("\n{} measured, {} checked, {} wrong\n", measured_, checked_, wrong_);
  return wrong_;
}

}  // namespace fovea::bench

int main(int argc, char** argv) {
  using namespace fovea;
  try {
    const bench::Options options(argc, argv);
    bench::Suite suite(options);
    for (const auto& [name, run] : bench::kCategories) {
      const auto& wanted = options.categories;
      if (wanted.empty() || std::find(wanted.begin(), wanted.end(), name) != wanted.end()) run(suite);
    }
    return suite.summary() ? static_cast<int>(Code::mismatch) : 0;
  } catch (const Error& e) {
    fmt::print(stderr, "bench_kernels: {}\n", e.what());
    return static_cast<int>(e.code());
  }
}
