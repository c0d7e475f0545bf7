#include "kernels/bf16.h"

#include <algorithm>
#include <bit>

namespace fovea::kernels {

#if defined(__x86_64__)
TileSet tile_set_bf16();
void round_to_pairs(float* words, const float* x, int64_t pixels, int64_t c);
#endif

namespace {

float rounded(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  if (x != x) return std::bit_cast<float>(bits | 0x00400000u);  // a NaN stays one
  return std::bit_cast<float>((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u);
}

void round_each(float* words, const float* x, int64_t pixels, int64_t c) {
  for (int64_t i = 0; i < pixels * c; i++) words[i] = rounded(x[i]);
}

}  // namespace

const Bf16& bf16(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512 && cpu_has_bf16()) {
    static const TileSet pairs = tile_set_bf16();
    static const Bf16 table{2, &pairs, round_to_pairs};
    return table;
  }
#endif
  static const Bf16 tables[] = {{1, &tile_set(Isa::portable), round_each},
                                {1, &tile_set(std::min(Isa::avx2, detected_isa())), round_each},
                                {1, &tile_set(std::min(Isa::avx512, detected_isa())), round_each}};
  return tables[static_cast<int>(isa)];
}

}  // namespace fovea::kernels
