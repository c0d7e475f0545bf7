// What the suite shares: aligned operands, and kernels that are checked and measured in turn.
//   One case is one computation. Each of its subjects is a way to do it; the first is what the others are compared with.
#pragma once
#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/random.h"
#include "base/threads.h"

namespace fovea::bench {

inline double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Floats from -1 to 1, 64-byte aligned.
struct Buffer {
  explicit Buffer(size_t n, uint64_t stream = 0) : size(n), data(static_cast<float*>(std::aligned_alloc(64, bytes(n)))) {
    Random random(7, stream);
    for (size_t i = 0; i < n; i++) data[i] = random.uniform(-1, 1);
  }
  ~Buffer() { std::free(data); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  static size_t bytes(size_t n) { return (n * sizeof(float) + 127) / 64 * 64; }
  size_t size;
  float* data;
};

struct Subject {
  std::string name;
  std::function<void()> run;
  std::function<double()> error = {};  // after a run: the largest error over what is allowed; none: not checked here
  bool peer = false;                   // has threads of its own, which wait actively for a while after each run
};

struct Case {
  std::string name;
  double flops, bytes;  // of one run; 0: not a figure of interest
  std::vector<Subject> subjects;
};

struct Options {
  Options(int argc, char** argv);
  bool takes(const std::string& item) const { return item.find(only) != std::string::npos; }

  int threads = available_threads();
  Isa isa = active_isa();
  std::string only;                     // part of a case's name
  bool cold = false;                    // weights come from memory, as in a network that exceeds the caches
  bool peers = true;                    // those that the build found
  double time = 0.1;                    // seconds for each subject
  std::vector<std::string> categories;  // empty: all
};

class Suite {
 public:
  explicit Suite(const Options& o);

  const Options& options() const { return options_; }
  Pool& pool() { return pool_; }
  double peak() const { return peak_; }  // FLOP/s
  // Whether the case is asked for; it is made only then.
  bool takes(const std::string& name) const { return options_.takes(name); }
  void category(const char* name);  // of the cases that follow
  void add(const Case& item);       // checks, measures, prints
  int summary() const;              // prints; how many were wrong

 private:
  Options options_;
  Pool pool_;
  double peak_;
  std::string category_;
  int measured_ = 0, checked_ = 0, wrong_ = 0;
};

// Least seconds of each subject, measured in turn.
std::vector<double> least_times(const std::vector<Subject>& subjects, double time);

// The categories, a file each.
void convolutions(Suite& suite);  // dense
void windows(Suite& suite);       // those of im2win's paper
void depthwise(Suite& suite);
void cliffs(Suite& suite);  // depthwise over a grid of shapes: where one is much slower than the others
void attention(Suite& suite);
void pooling(Suite& suite);
void operators(Suite& suite);  // the cases of the operator tests, by every backend

}  // namespace fovea::bench
