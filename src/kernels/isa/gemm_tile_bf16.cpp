// Register tiles for AVX512-BF16: as those for AVX-512, but a word of an operand is a pair of bfloat16 and a step adds two
// products.
#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>

#include "kernels/operand.h"

namespace fovea::kernels {
namespace {

#include "kernels/isa/gemm_vector_avx512.inl"
struct V : Vector {
  static Reg fma(Reg a, Reg b, Reg c) { return _mm512_dpbf16_ps(c, (__m512bh)a, (__m512bh)b); }
};
constexpr int kVectors = 4;
constexpr int kRowsForm[kVectors] = {12, 12, 8, 6};
constexpr bool kIntegers = false;

#include "kernels/isa/gemm_words.inl"

}  // namespace

TileSet tile_set_bf16() { return make_set(); }

void round_to_pairs(float* words, const float* x, int64_t rows, int64_t c, const Quantization&) {
  for (int64_t r = 0; r < rows; r++, x += c, words += (c + 1) / 2) {
    int64_t i = 0;
    for (; i + 32 <= c; i += 32) {
      const __m512bh pairs = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + i + 16), _mm512_loadu_ps(x + i));
      _mm512_storeu_si512(words + i / 2, (__m512i)pairs);
    }
    if (i == c) continue;
    const int64_t low = std::min<int64_t>(16, c - i), high = c - i - low;
    const __m512 a = _mm512_maskz_loadu_ps(V::mask(static_cast<int>(low)), x + i),
                 b = _mm512_maskz_loadu_ps(V::mask(static_cast<int>(high)), x + i + 16);
    _mm512_mask_storeu_epi32(words + i / 2, V::mask(static_cast<int>((c - i + 1) / 2)), (__m512i)_mm512_cvtne2ps_pbh(b, a));
  }
}

}  // namespace fovea::kernels
#endif
