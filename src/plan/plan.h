// A graph made ready to run: kernels chosen, pointwise chains grouped and fused, memory laid out. No data in it.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "plan/kernel.h"

namespace fovea {

struct PlanOptions {
  int threads = 1;
  Isa isa = active_isa();
  bool reference = false;  // every operator by its reference row: slow, the oracle
  bool fuse = true;        // pointwise programs as epilogues of the kernels before them
  bool regions = true;     // chains of local steps a few rows at a time
  // Winograd's convolution, and Fourier's for large depthwise kernels, where they are faster, their transforming of weights
  // included if those change: results differ from the direct sums by rounding (kernels/winograd.h, winograd_weight.h and
  // fft.h state the bounds), and packed weights are some times as large.
  bool winograd = true;
  // bf16: dense products of 16 and more channels with constant weights round both operands to bfloat16 (8 bits of
  // precision) and sum in single precision; depthwise kernels and Winograd's 4x4 tiles stay in f32. Logits then differ by at
  // most bf16_tolerance of the largest one (tested on a model of each family and on all fixtures).
  kernels::Precision precision = kernels::Precision::f32;
};

constexpr double bf16_tolerance = 0.03;

struct Ref {  // part of a buffer
  int buffer = -1;
  int64_t offset = 0;  // floats
  int64_t floats = 0;
};

struct Buffer {
  enum Where : uint8_t { state, setup, arena } where = arena;
  int64_t floats = 0;
  std::string param;        // of state
  int64_t offset = 0;       // of arena: floats
  int first = 0, last = 0;  // of arena: steps between which it is alive; else setup steps, their number standing for all
                            // that comes after the setup
};

struct Step {
  std::string kernel;  // row name
  std::string scope;   // where in the model
  int node = -1;       // of the planned graph; -1: packing
  std::vector<Ref> in, out;
  Ref packed, work;
  bool elementwise = false;          // reads an operand of its result's size before it writes there
  std::vector<std::string> refused;  // "row: reason" of the rows before the chosen one
  int64_t flops = 0;
  int64_t bytes = 0;  // read and written at least
  std::function<void(const Call&)> run;
  std::shared_ptr<Banded> band;  // if it can make some rows at a time
};

struct NamedRef {
  std::string name;
  Type type;
  Ref ref;
};

struct Plan {
  std::unique_ptr<Graph> graph;  // as planned: composites without a kernel are opened
  PlanOptions options;
  std::vector<Buffer> buffers;
  std::vector<Step> setup;  // depend on parameters alone: run once
  std::vector<Step> steps;
  std::vector<NamedRef> inputs, outputs;
  std::vector<std::pair<Ref, Ref>> copies;  // updates that could not be written in place: from, to
  int64_t arena_floats = 0;
  int64_t state_floats = 0;  // parameters as loaded
  int64_t setup_floats = 0;  // folded and packed weights that stay
  int64_t peak_bytes() const { return (arena_floats + setup_floats) * 4; }
  // Floats of parameters and of what is made of them at the worst moment of the setup. consume: parameters go as soon as
  // only the setup needed them.
  int64_t loading_floats(bool consume) const;
  int64_t flops() const;
};

// Throws resources errors for graphs too large to address, bugs for malformed graphs.
std::unique_ptr<Plan> make_plan(const Graph& g, const PlanOptions& options);

}  // namespace fovea
