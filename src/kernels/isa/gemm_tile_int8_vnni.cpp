// Register tiles for AVX512-VNNI: as those for AVX-512, but a word of an operand is four bytes, unsigned of x and signed of
// w, and a step adds four products to an integer.
#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>

#include "kernels/operand.h"

namespace fovea::kernels {
namespace {

#include "kernels/isa/gemm_vector_avx512.inl"
struct V : Vector {
  static Reg fma(Reg w, Reg x, Reg sum) { return (Reg)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)x, (__m512i)w); }
};
constexpr int kVectors = 4;
constexpr int kRowsForm[kVectors] = {12, 12, 8, 6};
constexpr bool kIntegers = true;

#include "kernels/isa/gemm_words.inl"

}  // namespace

TileSet tile_set_int8_vnni() { return make_set(); }

void round_to_bytes_vnni(float* words, const float* x, int64_t rows, int64_t c, const Quantization& q) {
  const __m512 inverse = _mm512_set1_ps(1 / q.scale), lo = _mm512_set1_ps(static_cast<float>(-q.zero)),
               hi = _mm512_set1_ps(static_cast<float>(255 - q.zero));
  const __m512i zero = _mm512_set1_epi32(q.zero);
  for (int64_t r = 0; r < rows; r++, x += c, words += (c + 3) / 4) {
    for (int64_t i = 0; i < c; i += 16) {
      const int n = static_cast<int>(std::min<int64_t>(16, c - i));
      const __m512 v = V::load(x + i, V::mask(n));
      const __mmask16 number = _mm512_cmp_ps_mask(v, v, _CMP_ORD_Q);  // a NaN is the zero point
      const __m512 steps = V::min(hi, V::max(lo, _mm512_maskz_mul_ps(number, v, inverse)));
      const __m512i bytes = _mm512_add_epi32(_mm512_maskz_cvtps_epi32(V::mask(n), steps), zero);
      _mm_mask_storeu_epi8(words + i / 4, V::mask((n + 3) / 4 * 4), _mm512_maskz_cvtepi32_epi8(V::mask(n), bytes));
    }
  }
}

}  // namespace fovea::kernels
#endif
