// Products of 8-bit integers, exactly summed, floats before and after. Activations are x = scale * (byte - zero) with one
// scale and zero point for a tensor (asymmetric, unsigned); weights are w = scale[o] * q, |q| <= 127, with a scale for each
// output channel (symmetric, signed), found while they are packed. So
//   y[o] = scale * scale[o] * (sum of byte * q - zero * sum of q[o]),
// and what is in brackets is an integer: every instruction set gives the same bits, with VNNI or without. Pixels outside the
// image are bytes `zero`, that is, exactly 0.
//
// For the plan row to come: a quantization pass observes the range of a value and notes its Quantization at the product that
// reads it. The row refuses products without a note, weights that change and sums of more than kInt8Terms products, and
// binds GatherConv(shape, isa, threads, x): its pack, run, run_part and epilogue are those of any precision.
#pragma once
#include <cstdint>

#include "kernels/operand.h"

namespace fovea::kernels {

// The longest sum that no operands overflow: 255 * 127 * kInt8Terms < 2^31.
constexpr int64_t kInt8Terms = 66311;

Operand int8_operand(Isa isa, const Quantization& x);

// The weights of one output channel.
struct Int8Weights {
  float scale;
  int32_t sum;  // of q
};
// words[taps][ceil(c / 4)] of w[taps][c], to nearest even; the largest finite |w| is 127. Infinities are 127 too, a NaN is
// 0.
Int8Weights quantize_weights(float* words, const float* w, int64_t taps, int64_t c);

}  // namespace fovea::kernels
