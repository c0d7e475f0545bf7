// Elementwise programs: all pointwise work of a graph, in small straight-line programs over a 4-D domain.
// A program runs chunk by chunk with its intermediates in L1; the same program serves as the epilogue of a convolution
// (block) and as the prologue of a reduction (reduce.h).
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/cpu.h"
#include "base/threads.h"
#include "kernels/epilogue.h"
#include "kernels/pointwise_ops.h"

namespace fovea::kernels {

struct PwInst {
  Pw op;
  uint8_t dst = 0, a = 0, b = 0, c = 0;  // register numbers; of load, a is the input
  float imm = 0;
};

struct PwInput {
  int64_t stride[4];  // floats, outermost dimension first; 0 broadcasts
};

struct PwProgram {
  int64_t dims[4] = {1, 1, 1, 1};  // outermost first; all positive
  std::vector<PwInput> inputs;     // at most 64
  std::vector<PwInst> code;        // registers may be written again; at most 256 different values
  std::vector<uint8_t> outputs;    // the registers that leave, at the end of the program
  int registers = 0;
};

// A program that is no more than a Finish: which inputs are its operands (-1: none).
struct FinishForm {
  int bias = -1, residual = -1;
  float lo = Finish{}.lo, hi = Finish{}.hi;
};
std::optional<FinishForm> finish_form(const PwProgram& program);

class PwEngine;

class Pointwise {
 public:
  Pointwise(const PwProgram& program, Isa isa);
  ~Pointwise();
  Pointwise(Pointwise&&) noexcept;

  // Outputs are dense over the domain. An output may be the same buffer as an input that is dense, never overlap one
  // otherwise.
  void run(const float* const* in, float* const* out, Pool& pool) const;

  // The same program on one block in place, as an Epilogue sees it: the domain is [rows.., channels], register 0 begins as
  // y, and the first output replaces y. Such a program cannot run().
  void block(const float* const* in, float* y, int64_t row0, int64_t rows, int64_t ld, int64_t c0, int64_t c1) const;
  const std::optional<FinishForm>& form() const { return form_; }

  // Pixels [first, first + count) x all channels, on the calling thread: of the operands and the output that run() takes.
  void part(const float* const* in, float* const* out, int64_t first, int64_t count) const;

 private:
  std::optional<FinishForm> form_;
  std::unique_ptr<PwEngine> flat_;  // every mergeable dimension merged
  std::unique_ptr<PwEngine> rows_;  // channels kept apart
};

// A program with the buffers it reads, in the form that convolutions take.
class PwEpilogue {
 public:
  PwEpilogue(const Pointwise& program, const float* const* in) : program_(program), in_(in) {
    if (const auto& form = program.form()) {
      finish_ = {form->bias < 0 ? nullptr : in[form->bias], form->residual < 0 ? nullptr : in[form->residual], form->lo,
                 form->hi};
    }
  }

  Epilogue view() const {  // valid while this object stays where it is
    return {call, this, program_.form() ? &finish_ : nullptr};
  }

 private:
  static void call(const void* self, float* y, int64_t row0, int64_t rows, int64_t ld, int64_t c0, int64_t c1) {
    auto* e = static_cast<const PwEpilogue*>(self);
    e->program_.block(e->in_, y, row0, rows, ld, c0, c1);
  }

  const Pointwise& program_;
  const float* const* in_;
  Finish finish_;
};

}  // namespace fovea::kernels
