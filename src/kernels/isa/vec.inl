// The vector of one instruction set: V (floats) and I (ints) of kLanes lanes, as compiler vectors, so that one body serves
// all. Included inside a namespace of its own by each isa/*_<isa>.cpp, after it has defined FOVEA_LANES (4, 8 or 16) and
// included <cstdint> and, for 8 and 16, <immintrin.h>. No std:: templates here: their code would be compiled with this ISA's
// flags and the linker might pick it for everyone.

constexpr int kLanes = FOVEA_LANES;
typedef float V __attribute__((vector_size(4 * FOVEA_LANES)));
typedef int32_t I __attribute__((vector_size(4 * FOVEA_LANES)));
typedef uint32_t U __attribute__((vector_size(4 * FOVEA_LANES)));  // for sums of bits that may wrap

#if FOVEA_LANES == 16
#if !defined(__AVX512F__) || !defined(__AVX512DQ__)
#error "this file needs -march=skylake-avx512"
#endif
#elif FOVEA_LANES == 8
#if !defined(__AVX2__) || !defined(__FMA__)
#error "this file needs -march=haswell"
#endif
#endif

static inline V set1(float x) { return x - V{}; }  // x + 0 would lose the sign of -0
static inline I seti(int32_t x) { return I{} + x; }

static inline V load(const float* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
static inline void store(float* p, V v) { __builtin_memcpy(p, &v, sizeof v); }

// The first k lanes, 0 < k < kLanes; a loaded rest is zero.
#if FOVEA_LANES == 16
static inline V load_n(const float* p, int64_t k) { return (V)_mm512_maskz_loadu_ps((__mmask16)((1u << k) - 1), p); }
static inline void store_n(float* p, V v, int64_t k) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << k) - 1), (__m512)v); }
#elif FOVEA_LANES == 8
static inline __m256i lanes_below(int64_t k) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)k), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline V load_n(const float* p, int64_t k) { return (V)_mm256_maskload_ps(p, lanes_below(k)); }
static inline void store_n(float* p, V v, int64_t k) { _mm256_maskstore_ps(p, lanes_below(k), (__m256)v); }
#else
static inline V load_n(const float* p, int64_t k) {
  V v = {};
  for (int64_t i = 0; i < k; i++) v[i] = p[i];
  return v;
}
static inline void store_n(float* p, V v, int64_t k) {
  for (int64_t i = 0; i < k; i++) p[i] = v[i];
}
#endif

// All lanes if k is 0, else the first k.
static inline V get(const float* p, int64_t k) { return k ? load_n(p, k) : load(p); }
static inline void put(float* p, V v, int64_t k) {
  if (k)
    store_n(p, v, k);
  else
    store(p, v);
}

// body(i, k) for every vector of a row: at i, all lanes if k is 0, else the first k.
template <class F>
static inline void each_vector(int64_t n, F body) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(i, 0);
  if (i < n) body(i, n - i);
}

// madd: a * b + c up to rounding, fused where that is faster.
#if FOVEA_LANES == 16
constexpr __mmask16 kAll = 0xffff;  // masked forms: GCC 12 warns of an uninitialised value inside the plain ones
static inline V madd(V a, V b, V c) { return (V)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
static inline V sqrt(V a) { return (V)_mm512_maskz_sqrt_ps(kAll, (__m512)a); }
static inline V round(V a) {
  return (V)_mm512_maskz_roundscale_ps(kAll, (__m512)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline V floor(V a) {
  return (V)_mm512_maskz_roundscale_ps(kAll, (__m512)a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
#elif FOVEA_LANES == 8
static inline V madd(V a, V b, V c) { return (V)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
static inline V sqrt(V a) { return (V)_mm256_sqrt_ps((__m256)a); }
static inline V round(V a) { return (V)_mm256_round_ps((__m256)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline V floor(V a) { return (V)_mm256_floor_ps((__m256)a); }
#else
static inline V madd(V a, V b, V c) { return a * b + c; }
static inline V sqrt(V a) {
  V v = {};
  for (int i = 0; i < kLanes; i++) v[i] = __builtin_sqrtf(a[i]);
  return v;
}
// Adding 2^23 leaves no bits for a fraction; beyond it a float has none anyway. The sign is put back for -0.
static inline V round(V a) {
  I sign = (I)a & seti(INT32_MIN);
  V magnitude = (V)((I)a & seti(INT32_MAX)), whole = (magnitude + 0x1p23f) - 0x1p23f;
  return (V)((I)(magnitude < 0x1p23f ? whole : magnitude) | sign);  // a NaN compares false and stays
}
static inline V floor(V a) {
  V r = round(a);
  return (V)((I)(r > a ? r - 1.0f : r) | ((I)a & seti(INT32_MIN)));
}
#endif

static inline V abs(V a) { return (V)((I)a & seti(INT32_MAX)); }
static inline V with_sign(V magnitude, V sign) { return (V)((I)magnitude | ((I)sign & seti(INT32_MIN))); }
// A NaN stays: of two operands that do not compare, the machine's max is the second.
#if FOVEA_LANES == 16
static inline V relu(V a) { return (V)_mm512_maskz_max_ps(kAll, __m512{}, (__m512)a); }
#elif FOVEA_LANES == 8
static inline V relu(V a) { return (V)_mm256_max_ps(__m256{}, (__m256)a); }
#else
static inline V relu(V a) { return a < 0.0f ? V{} : a; }
#endif
static inline V clamp(V a, V lo, V hi) {
#if FOVEA_LANES == 16
  return (V)_mm512_maskz_min_ps(kAll, (__m512)hi, _mm512_maskz_max_ps(kAll, (__m512)lo, (__m512)a));
#elif FOVEA_LANES == 8
  return (V)_mm256_min_ps((__m256)hi, _mm256_max_ps((__m256)lo, (__m256)a));
#else
  V raised = lo > a ? lo : a;
  return hi < raised ? hi : raised;
#endif
}
// Both give NaN if either operand is NaN.
static inline V max(V a, V b) { return ((a > b) | (a != a)) ? a : b; }
static inline V min(V a, V b) { return ((a < b) | (a != a)) ? a : b; }

static inline bool any(I mask) {
#if FOVEA_LANES == 16
  return _mm512_test_epi32_mask((__m512i)mask, (__m512i)mask) != 0;
#elif FOVEA_LANES == 8
  return _mm256_movemask_ps((__m256)mask) != 0;
#else
  return (mask[0] | mask[1] | mask[2] | mask[3]) != 0;
#endif
}

// Lanes combined in halves: a fixed tree.
template <class F>
static inline float fold(V v, F f) {
#if FOVEA_LANES == 16
  __m256 w = f(_mm512_maskz_extractf32x8_ps(0xff, (__m512)v, 0), _mm512_maskz_extractf32x8_ps(0xff, (__m512)v, 1));
#elif FOVEA_LANES == 8
  __m256 w = (__m256)v;
#endif
#if FOVEA_LANES >= 8
  __m128 q = f(_mm256_castps256_ps128(w), _mm256_extractf128_ps(w, 1));
  q = f(q, _mm_movehl_ps(q, q));
  q = f(q, _mm_movehdup_ps(q));
  return _mm_cvtss_f32(q);
#else
  typedef float One __attribute__((vector_size(4)));
  One a = {v[0]}, b = {v[1]}, c = {v[2]}, d = {v[3]};
  return f(f(a, c), f(b, d))[0];
#endif
}
struct Add {
  template <class T>
  T operator()(T a, T b) const {
    return a + b;
  }
};
struct Max {
  template <class T>
  T operator()(T a, T b) const {
    return ((a > b) | (a != a)) ? a : b;
  }
};
static inline float sum_lanes(V v) { return fold(v, Add{}); }
