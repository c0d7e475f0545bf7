// The vocabulary of elementwise programs (pointwise.h).
#pragma once
#include <cstdint>

namespace fovea::kernels {

// Semantics are C's in single precision; max, min and relu pass NaN on. Comparisons give 1 or 0. sign of NaN is 0.
enum class Pw : uint8_t {
  load,      // a: index of an input
  constant,  // imm
  // of a
  neg,
  abs,
  sign,
  exp,
  log,
  sqrt,
  rsqrt,
  recip,
  tanh,
  erf,
  sigmoid,
  floor,
  round,  // half to even
  sin,
  cos,
  relu,
  square,
  // of a, b
  add,
  sub,
  mul,
  div,
  max,
  min,
  pow,
  gt,
  ge,
  eq,
  // of a, b, c
  select,  // a != 0 ? b : c
};
inline constexpr int kPwOps = static_cast<int>(Pw::select) + 1;

}  // namespace fovea::kernels
