// Register tiles of bytes for AVX2: its products of bytes saturate, so every second channel is widened to 16 bits.
#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>

#include "kernels/operand.h"

namespace fovea::kernels {
namespace {

#include "kernels/isa/gemm_vector_avx2.inl"
struct V : Vector {
  static Reg fma(Reg w, Reg x, Reg sum) {
    const __m256i wi = (__m256i)w, xi = (__m256i)x;
    const __m256i even = _mm256_madd_epi16(_mm256_and_si256(xi, _mm256_set1_epi16(255)),
                                           _mm256_srai_epi16(_mm256_slli_epi16(wi, 8), 8)),
                  odd = _mm256_madd_epi16(_mm256_srli_epi16(xi, 8), _mm256_srai_epi16(wi, 8));
    return (Reg)_mm256_add_epi32((__m256i)sum, _mm256_add_epi32(even, odd));
  }
};
constexpr int kVectors = 2;
constexpr int kRowsForm[kVectors] = {8, 4};
constexpr bool kIntegers = true;

#include "kernels/isa/gemm_words.inl"
#include "kernels/isa/int8.inl"

}  // namespace

TileSet tile_set_int8_avx2() { return make_set(); }

void round_to_bytes_avx2(float* words, const float* x, int64_t rows, int64_t c, const Quantization& q) {
  rows_to_bytes(words, x, rows, c, q);
}

}  // namespace fovea::kernels
#endif
