// Register tiles of bytes for any CPU, by GCC's vector extension: a product of bytes fits 16 bits, a sum of two does not.
#include <algorithm>

#include "kernels/operand.h"

namespace fovea::kernels {
namespace {

#include "kernels/isa/gemm_vector_portable.inl"
struct V : Vector {
  typedef int16_t Shorts __attribute__((vector_size(16)));
  typedef int32_t Ints __attribute__((vector_size(16)));
  static Reg fma(Reg w, Reg x, Reg sum) {
    const Shorts ws = (Shorts)w, xs = (Shorts)x;
    const Ints even = (Ints)((xs & 255) * (ws << 8 >> 8)), odd = (Ints)((xs >> 8 & 255) * (ws >> 8));
    return (Reg)((Ints)sum + (even << 16 >> 16) + (even >> 16) + (odd << 16 >> 16) + (odd >> 16));
  }
};
constexpr int kVectors = 2;
constexpr int kRowsForm[kVectors] = {6, 4};
constexpr bool kIntegers = true;

#include "kernels/isa/gemm_words.inl"
#include "kernels/isa/int8.inl"

}  // namespace

TileSet tile_set_int8_portable() { return make_set(); }

void round_to_bytes_portable(float* words, const float* x, int64_t rows, int64_t c, const Quantization& q) {
  rows_to_bytes(words, x, rows, c, q);
}

}  // namespace fovea::kernels
