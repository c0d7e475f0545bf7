// Elementary functions on V. Errors are against the exact value, measured by tests/kernels/pointwise_math.cpp on every ISA.
// Polynomials: math_fits.h, and the functions that use some alone.

template <int N>
static inline V poly(V x, const float (&c)[N]) {  // c[0] + c[1] x + ...
  V y = set1(c[N - 1]);
  for (int i = N - 2; i >= 0; i--) y = madd(y, x, set1(c[i]));
  return y;
}

// 2^n * x for whole n in [-252, 254], in two steps so that neither factor leaves the normal range.
static inline V scale2(V x, V n) {
#if FOVEA_LANES == 16
  return (V)_mm512_maskz_scalef_ps(kAll, (__m512)x, (__m512)n);
#else
  I k = __builtin_convertvector(n, I), half = k >> 1;
  return x * (V)((half + 127) << 23) * (V)((k - half + 127) << 23);
#endif
}

// <= 1.1 ulp, denormal results included (a pool's threads flush those to zero).
static inline V exp(V x) {
  x = x > fits::exp_most ? set1(fits::exp_most) : x;  // infinity from 88.73 on; written so that a NaN stays
  x = x < fits::exp_least ? set1(fits::exp_least) : x;
  V n = round(x * fits::log2e);
  V r = madd(n, set1(-fits::ln2_high), x);
  r = madd(n, set1(-fits::ln2_low), r);
  return scale2(madd(r * r, poly(r, fits::exp), r) + 1.0f, n);
}

// <= 1 ulp.
static inline V log(V x) {
  static constexpr float c[] = {0.333333313f, -0.250008225f, 0.200012073f, -0.166232824f,
                                0.142021775f, -0.13161315f,  0.127590686f, -0.0762839392f};
  I tiny = x < 0x1p-126f;
  V y = tiny ? x * 0x1p23f : x;
  I shifted = (I)((U)y - 0x3f3504f3u);  // sqrt(1/2): the mantissa falls in [sqrt(1/2), sqrt(2))
  V n = __builtin_convertvector(shifted >> 23, V) - (tiny ? set1(23.0f) : V{});
  V f = (V)((shifted & 0x007fffff) + 0x3f3504f3) - 1.0f;
  V f2 = f * f;
  V low = madd(f * f2, poly(f, c), n * -2.12194440e-4f) - 0.5f * f2;
  V result = madd(n, set1(0.693359375f), low + f);
  result = x == __builtin_inff() ? x : result;
  result = x == 0.0f ? set1(-__builtin_inff()) : result;
  return ((x < 0.0f) | (x != x)) ? set1(__builtin_nanf("")) : result;
}

// c[0] + c[1] t + ..., 5 or 6 coefficients, in pairs: fewer roundings in a row than Horner's.
template <int N>
static inline V paired(V t, V t2, const float (&c)[N]) {
  V low = madd(t, set1(c[1]), set1(c[0])), middle = madd(t, set1(c[3]), set1(c[2]));
  V high = N == 6 ? madd(t, set1(c[N - 1]), set1(c[4])) : set1(c[4]);
  return madd(madd(high, t2, middle), t2, low);
}

// x p(x^2) / q(x^2), and 1 with the sign of x from `limit` on, where that is the nearest float. All coefficients are
// positive: nothing cancels.
template <int N>
static inline V odd_ratio(V x, float limit, const float (&p)[N], const float (&q)[N]) {
  V t = x * x, t2 = t * t;
  V y = x * paired(t, t2, p) / paired(t, t2, q);
  return ((abs(x) >= limit) | (abs(y) > 1.0f)) ? with_sign(set1(1.0f), x) : y;  // rounding may pass 1
}

// <= 5.7 ulp, 5.0 with fma (every 7th float), and an absolute error below 4e-7. Dividing once and correcting the quotient
// by its residue takes the division's rounding away, but p's and q's stay: 4.3 ulp for 27 % more time.
static inline V tanh(V x) { return odd_ratio(x, fits::tanh_limit, fits::tanh_p, fits::tanh_q); }

// <= 5.8 ulp, 5.2 with fma, and an absolute error below 4e-7; corrected as above: 4.8 ulp for 27 % more time.
static inline V erf(V x) { return odd_ratio(x, fits::erf_limit, fits::erf_p, fits::erf_q); }

// <= 3 ulp. Only exp of a negative number, so nothing overflows and small results keep their digits.
static inline V sigmoid(V x) {
  V e = exp(-abs(x));
  return (x < 0.0f ? e : set1(1.0f)) / (1.0f + e);
}

// sin(x + quarter * pi / 2). <= 3 ulp; |x| beyond kFar is left to libm, lane by lane.
static inline V sin_quarter(V x, int quarter) {
  static constexpr float s[] = {-0.166666672f, 0.00833332911f, -0.000198393129f, 2.71813133e-06f};
  static constexpr float c[] = {0.0416666456f, -0.00138873153f, 2.44330986e-05f};
  constexpr float kFar = 4000.0f;
  V near = abs(x) >= kFar ? V{} : x;
  V n = round(near * 0.636619772f);
  V r = madd(n, set1(-0x1.922p+0f), near);  // pi / 2 in parts of 12 bits, so that n * part is exact without fma too
  r = madd(n, set1(0x1.2aep-18f), r);
  r = madd(n, set1(0x1.deap-31f), r);
  r = madd(n, set1(-0x1.184698p-44f), r);
  I k = __builtin_convertvector(n, I) + quarter;
  V r2 = r * r;
  V sine = madd(r * r2, poly(r2, s), r);
  V cosine = madd(r2 * r2, poly(r2, c), 1.0f - 0.5f * r2);
  V y = (k & 1) != 0 ? cosine : sine;
  y = (V)((I)y ^ ((k & 2) << 30));
  I far = abs(x) >= kFar;  // infinity too; a NaN went through
  if (!any(far)) return y;
  for (int i = 0; i < kLanes; i++) {
    if (far[i]) y[i] = quarter ? __builtin_cosf(x[i]) : __builtin_sinf(x[i]);
  }
  return y;
}
static inline V sin(V x) { return x == 0.0f ? x : sin_quarter(x, 0); }
static inline V cos(V x) { return sin_quarter(x, 1); }

static inline V pow(V a, V b) {
  V y;
  for (int i = 0; i < kLanes; i++) y[i] = __builtin_powf(a[i], b[i]);
  return y;
}
