// What a dense product multiplies: words of 32 bits, each a float or as many neighbouring channels as the CPU multiplies at
// once. The kernels move words and do not look inside; the tiles of an operand's own set multiply them.
#pragma once
#include <cstdint>

#include "kernels/gemm_tile.h"

namespace fovea::kernels {

enum class Precision : uint8_t { f32, bf16 };

// x stands for scale * (byte - zero).
struct Quantization {
  float scale = 1;  // positive
  int zero = 0;     // 0 ... 255
};

struct Operand {
  const char* name;
  const TileSet* tiles;  // of words: where they are not floats, only the rows form
  int channels = 1;      // of a word
  // words[rows][words(c)] of x[rows][c], rounded to nearest even; what is left of a last word is zero. Null: x as it is.
  void (*round)(float* words, const float* x, int64_t rows, int64_t c, const Quantization& q) = nullptr;
  bool integers = false;  // products of bytes, summed as integers: int8.h
  Quantization x{};       // of integers

  int64_t words(int64_t c) const { return (c + channels - 1) / channels; }
};

// bf16: a word is two bfloat16 where the CPU multiplies pairs (AVX512-BF16), else one, rounded and multiplied as a float:
// the same rounding everywhere, sums in single precision that differ in their last bits.
Operand operand(Precision precision, Isa isa);

}  // namespace fovea::kernels
