// bfloat16 operands of dense products, summed in single precision. A word of an operand holds two neighbouring channels
// where the CPU multiplies pairs (AVX512-BF16), else one, rounded and multiplied as a float: the same rounding everywhere,
// sums that differ in their last bits.
#pragma once
#include <cstdint>

#include "kernels/gemm_tile.h"

namespace fovea::kernels {

enum class Precision : uint8_t { f32, bf16 };

struct Bf16 {
  int channels;          // of a word
  const TileSet* tiles;  // products of words: only their rows form
  // words[pixels][ceil(c / channels)] of x[pixels][c], rounded to nearest even; what is left of a last word is zero.
  void (*round)(float* words, const float* x, int64_t pixels, int64_t c);

  int64_t words(int64_t c) const { return (c + channels - 1) / channels; }
};

const Bf16& bf16(Isa isa);

}  // namespace fovea::kernels
