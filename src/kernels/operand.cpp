#include "kernels/operand.h"

#include <bit>

namespace fovea::kernels {

#if defined(__x86_64__)
TileSet tile_set_bf16();
void round_to_pairs(float* words, const float* x, int64_t rows, int64_t c, const Quantization&);
#endif

namespace {

float rounded(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  if (x != x) return std::bit_cast<float>(bits | 0x00400000u);  // a NaN stays one
  return std::bit_cast<float>((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u);
}

void round_each(float* words, const float* x, int64_t rows, int64_t c, const Quantization&) {
  for (int64_t i = 0; i < rows * c; i++) words[i] = rounded(x[i]);
}

}  // namespace

Operand operand(Precision precision, Isa isa) {
  if (precision == Precision::f32) return {"f32", &tile_set(isa)};
#if defined(__x86_64__)
  if (isa == Isa::avx512 && cpu_has_bf16()) {
    static const TileSet pairs = tile_set_bf16();
    return {"bf16", &pairs, 2, round_to_pairs};
  }
#endif
  return {"bf16", &tile_set(isa), 1, round_each};
}

}  // namespace fovea::kernels
