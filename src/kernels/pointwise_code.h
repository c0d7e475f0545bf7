// The varying part of an elementwise program as machine code: one loop whose intermediates never leave the registers.
// Bit for bit what the loops of isa/pointwise*.inl compute one after the other.
#pragma once
#include <cstdint>
#include <vector>

#include "kernels/pointwise_ops.h"

namespace fovea::kernels {

// A value of a program as the engine sorts it (pointwise_engine.h).
struct PwValue {
  Pw op;
  int stage = 0;  // 0 scalar, 1 uniform, 2 varying
  int operand[3] = {-1, -1, -1};
  int input = -1;  // of load; the number of inputs stands for y
  float imm = 0;
  int slot = -1;        // in scratch
  int last = -1;        // the value that uses it last
  int chain = -1;       // which operand is the value before it in its chain
  bool linked = false;  // in a chain and not its end: never stored
};

// value: where each value is: varying ones `rows` times n floats, `step` apart, uniform ones taken at (i & mask), scalars
// sixteen times.
using PwCode = void (*)(const float* const* value, int64_t n, int64_t mask, int64_t rows, int64_t step);

// For AVX-512. values in an order in which operands come first; outputs: the values to be stored, if they vary. Null if some
// op has no code here, if there are more values than registers, or if the system forbids such code.
PwCode compile_pointwise(const std::vector<PwValue>& values, const std::vector<int>& outputs);

}  // namespace fovea::kernels
