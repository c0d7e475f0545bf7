// Selective scan, token after token, on vectors of channels (see ops/selective_scan.h for what it computes). The backward
// pass keeps the states of some tokens only and computes those between again.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/cpu.h"
#include "base/threads.h"

namespace fovea::kernels {

struct ScanTable;
struct ScanStrip;

struct ScanShape {
  int images, tokens, channels, states;
  bool reverse = false;
};

class Scan {
 public:
  Scan(const ScanShape& shape, Isa isa, int threads);

  struct Inputs {
    const float *u, *delta, *a, *b, *c;
  };
  size_t forward_workspace_bytes() const;
  void forward(const Inputs& in, float* y, void* work, Pool& pool) const;

  struct Gradients {
    float *u, *delta, *a, *b, *c;
  };
  size_t backward_workspace_bytes() const;
  void backward(const Inputs& in, const float* dy, const Gradients& out, void* work, Pool& pool) const;

 private:
  struct Part;                    // some strips of one image, for one thread
  int64_t strips() const;         // vectors of channels
  int64_t parts() const;          // of an image's strips, whatever the number of threads
  int64_t strip_floats() const;   // one number for each state of a strip
  int64_t thread_floats() const;  // of the backward pass
  int64_t tokens_floats() const;  // of b and c of one image, or their gradients
  ScanStrip strip(const Inputs& in, int64_t image, int64_t index, float* a) const;
  void backward_strip(const Inputs& in, const float* dy, const Gradients& out, const Part& part, int64_t index) const;
  void add_decays(const float* decays, float* da) const;
  void add_tokens(const float* tokens, const Gradients& out, Pool& pool) const;

  ScanShape s_;
  const ScanTable& isa_;
  int threads_;
};

}  // namespace fovea::kernels
