// Elementary functions on V. Errors are against the exact value, measured by tests/kernels/pointwise_math.cpp on every ISA.
// Polynomials are weighted least-squares fits, reweighted towards minimax, their coefficients rounded to float.

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
  static constexpr float c[] = {0.5f, 0.166665122f, 0.0416661911f, 0.0083696153f, 0.00139515335f};
  x = x > 90.0f ? set1(90.0f) : x;  // infinity from 88.73 on; written so that a NaN stays
  x = x < -105.0f ? set1(-105.0f) : x;
  V n = round(x * 1.44269504f);
  V r = madd(n, set1(-0.693359375f), x);  // ln 2 in two parts, the first short enough for an exact product
  r = madd(n, set1(2.12194440e-4f), r);
  return scale2(madd(r * r, poly(r, c), r) + 1.0f, n);
}

// <= 1 ulp.
static inline V log(V x) {
  static constexpr float c[] = {0.333333313f, -0.250008225f, 0.200012073f, -0.166232824f,
                                0.142021775f, -0.13161315f,  0.127590686f, -0.0762839392f};
  I tiny = x < 0x1p-126f;
  V y = tiny ? x * 0x1p23f : x;
  I shifted = (I)y - 0x3f3504f3;  // sqrt(1/2): the mantissa falls in [sqrt(1/2), sqrt(2))
  V n = __builtin_convertvector(shifted >> 23, V) - (tiny ? set1(23.0f) : V{});
  V f = (V)((shifted & 0x007fffff) + 0x3f3504f3) - 1.0f;
  V f2 = f * f;
  V low = madd(f * f2, poly(f, c), n * -2.12194440e-4f) - 0.5f * f2;
  V result = madd(n, set1(0.693359375f), low + f);
  result = x == __builtin_inff() ? x : result;
  result = x == 0.0f ? set1(-__builtin_inff()) : result;
  return ((x < 0.0f) | (x != x)) ? set1(__builtin_nanf("")) : result;
}

// <= 2 ulp.
static inline V tanh(V x) {
  static constexpr float c[] = {-0.333332807f, 0.133314446f, -0.053739842f, 0.0206394456f, -0.00570534263f};
  V a = abs(x), x2 = x * x;
  V small = madd(x * x2, poly(x2, c), x);
  V big = 1.0f - 2.0f / (exp(a + a) + 1.0f);
  return with_sign(a < 0.625f ? small : big, x);
}

// <= 3 ulp. Only exp of a negative number, so nothing overflows and small results keep their digits.
static inline V sigmoid(V x) {
  V e = exp(-abs(x));
  return (x < 0.0f ? e : set1(1.0f)) / (1.0f + e);
}

// <= 2 ulp. Beyond 1 by erf = 1 - exp(-g), g = -log erfc smooth.
static inline V erf(V x) {
  static constexpr float c[] = {0.128379166f,  -0.37612626f,     0.112835869f,   -0.0268538818f,
                                0.0051884437f, -0.000801112386f, 7.85672746e-05f};
  static constexpr float g[] = {-0.000182698335f, 1.1295532f,     0.633269906f,     0.108364463f,
                                -0.0251737833f,   0.00419164449f, -0.000438701478f, 2.14612246e-05f};
  V a = abs(x);
  V small = madd(x, poly(x * x, c), x);
  a = a > 4.0f ? set1(4.0f) : a;
  V big = 1.0f - exp(-poly(a, g));
  return a < 1.0f ? small : with_sign(big, x);
}

// sin(x + quarter * pi / 2). <= 3 ulp; |x| beyond kFar is left to libm, lane by lane.
static inline V sin_quarter(V x, int quarter) {
  static constexpr float s[] = {-0.166666672f, 0.00833332911f, -0.000198393129f, 2.71813133e-06f};
  static constexpr float c[] = {0.0416666456f, -0.00138873153f, 2.44330986e-05f};
  constexpr float kFar = 4000.0f;
  V near = abs(x) < kFar ? x : V{};
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
  for (int i = 0; i < kLanes; i++) {
    if (!(__builtin_fabsf(x[i]) < kFar)) y[i] = quarter ? __builtin_cosf(x[i]) : __builtin_sinf(x[i]);
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
