// Runs of steps that each take up what the one before has made, in one pass: a few vectors are kept in registers through
// all the links. The switch costs little, being shared by kVectors vectors and always going the same way.

#if FOVEA_LANES == 16
constexpr int kVectors = 8;  // more do not fit the registers beside what exp and its kind need
#else
constexpr int kVectors = 4;  // of 16 registers
#endif

static inline V one_if(I mask) { return (V)(mask & (I)set1(1.0f)); }

// At i, kCount vectors; or the first k lanes of one if k is not 0.
template <int kCount>
__attribute__((always_inline)) static inline void chain_at(float* d, const float* a, const PwLink* links, int count,
                                                           int64_t i, int64_t k) {
  V x[kCount];
  for (int j = 0; j < kCount; j++) x[j] = get(a + i + j * kLanes, k);
  for (const PwLink* l = links; l < links + count; l++) {
    const float* p = l->operand + (i & l->mask);
    const int64_t step = kLanes & l->mask, tail = k & l->mask;
    switch (l->code) {
#define FOVEA_LINK(code, value)                \
  case code:                                   \
    for (int j = 0; j < kCount; j++) {         \
      V v = x[j], b = get(p + j * step, tail); \
      x[j] = value;                            \
    }                                          \
    break;
#define FOVEA_LINK1(op, value)         \
  case PwLink::code_of(Pw::op, false): \
    for (int j = 0; j < kCount; j++) { \
      V v = x[j];                      \
      x[j] = value;                    \
    }                                  \
    break;
      FOVEA_LINK1(neg, -v)
      FOVEA_LINK1(abs, abs(v))
      FOVEA_LINK1(exp, exp(v))
      FOVEA_LINK1(sqrt, sqrt(v))
      FOVEA_LINK1(rsqrt, 1.0f / sqrt(v))
      FOVEA_LINK1(recip, 1.0f / v)
      FOVEA_LINK1(tanh, tanh(v))
      FOVEA_LINK1(erf, erf(v))
      FOVEA_LINK1(sigmoid, sigmoid(v))
      FOVEA_LINK1(relu, relu(v))
      FOVEA_LINK1(square, v * v)
      FOVEA_LINK(PwLink::code_of(Pw::add, false), v + b)
      FOVEA_LINK(PwLink::code_of(Pw::sub, false), v - b)
      FOVEA_LINK(PwLink::code_of(Pw::sub, true), b - v)
      FOVEA_LINK(PwLink::code_of(Pw::mul, false), v * b)
      FOVEA_LINK(PwLink::code_of(Pw::div, false), v / b)
      FOVEA_LINK(PwLink::code_of(Pw::div, true), b / v)
      FOVEA_LINK(PwLink::code_of(Pw::max, false), max(v, b))
      FOVEA_LINK(PwLink::code_of(Pw::min, false), min(v, b))
      FOVEA_LINK(PwLink::code_of(Pw::gt, false), one_if(v > b))
      FOVEA_LINK(PwLink::code_of(Pw::gt, true), one_if(b > v))
      FOVEA_LINK(PwLink::code_of(Pw::ge, false), one_if(v >= b))
      FOVEA_LINK(PwLink::code_of(Pw::ge, true), one_if(b >= v))
#undef FOVEA_LINK
#undef FOVEA_LINK1
    }
  }
  for (int j = 0; j < kCount; j++) put(d + i + j * kLanes, x[j], k);
}

// From i on, as many times as kCount vectors fit in.
template <int kCount>
static inline int64_t chain_from(float* d, const float* a, const PwLink* links, int count, int64_t i, int64_t n) {
  for (; i + kCount * kLanes <= n; i += kCount * kLanes) chain_at<kCount>(d, a, links, count, i, 0);
  return i;
}

static void chain(float* d, const float* a, const PwLink* links, int count, int64_t n) {
  int64_t i = chain_from<kVectors>(d, a, links, count, 0, n);
  i = chain_from<kVectors / 2>(d, a, links, count, i, n);
  i = chain_from<1>(d, a, links, count, i, n);
  if (i < n) chain_at<1>(d, a, links, count, i, n - i);
}
