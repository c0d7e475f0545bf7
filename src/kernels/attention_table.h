// What each ISA offers to attention. A block of scores is [keys][ld], queries side by side in the lanes, so that a softmax
// runs down the columns and needs no sum across lanes.
#pragma once
#include <cstdint>

namespace fovea::kernels {

struct AttentionTable {
  int lanes;
  // d [cols, rows] = scale * s' (+ d), s [rows, cols].
  void (*transpose)(float* d, int64_t ldd, const float* s, int64_t lds, int64_t rows, int64_t cols, float scale, bool add);
  // One more block of keys: s becomes exp(s - top), where top [queries] is the greatest score so far; sum [queries] of the
  // exponentials grows; factor = exp(old top - top), what earlier results must be multiplied by. queries: whole vectors.
  void (*softmax)(float* s, int64_t ld, int64_t keys, int64_t queries, float* top, float* sum, float* factor);
  // s = exp(s - lse).
  void (*probabilities)(float* s, int64_t ld, int64_t keys, int64_t queries, const float* lse);
  // The gradient of the scores from probabilities p and their gradient dp: p * (dp - delta); dp becomes scale times it.
  void (*gradient)(float* p, float* dp, int64_t ld, int64_t keys, int64_t queries, const float* delta, float scale);
  // row *= factor.
  void (*scale)(float* row, int64_t n, float factor);
  float (*dot)(const float* a, const float* b, int64_t n);
};

namespace portable {
extern const AttentionTable attention;
}
namespace avx2 {
extern const AttentionTable attention;
}
namespace avx512 {
extern const AttentionTable attention;
}

}  // namespace fovea::kernels
