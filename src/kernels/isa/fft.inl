// Fourier transforms of kLanes channels at once. Included after vec.inl.
#define FOVEA_UNROLL _Pragma("GCC unroll 16")

constexpr int64_t kPoint = 2 * kLanes;

struct Complex {
  V re, im;
};

// cos and sin of 2 pi k / N, as constants.
template <int N>
struct Turns {
  float cosine[N] = {}, sine[N] = {};
  constexpr Turns() {
    for (int k = 0; k < N; k++) {
      const double x = 6.283185307179586477 * k / N;
      double even = 1, odd = x, c = 1, s = x;
      for (int i = 1; i < 20; i++) {
        even *= -x * x / ((2 * i - 1) * (2 * i)), odd *= -x * x / ((2 * i) * (2 * i + 1));
        c += even, s += odd;
      }
      cosine[k] = (float)c, sine[k] = (float)s;
    }
  }
};

// a * (c - i s).
static inline Complex turned(Complex a, V c, V s) { return {madd(a.im, s, a.re * c), madd(-a.re, s, a.im * c)}; }

// The product with the matrix exp(-2 pi i j k / N). Even N: halves, then one step. Odd N: points j and N - j meet real
// parts that are equal and imaginary parts that are opposite.
template <int N>
[[gnu::always_inline]] inline void transform_block(Complex (&a)[N]) {
  static constexpr Turns<N> turns;
  if constexpr (N == 1) return;
  if constexpr (N % 2 == 0) {
    Complex even[N / 2], odd[N / 2];
    FOVEA_UNROLL for (int k = 0; k < N / 2; k++) even[k] = a[2 * k], odd[k] = a[2 * k + 1];
    transform_block(even), transform_block(odd);
    FOVEA_UNROLL for (int k = 0; k < N / 2; k++) {
      Complex t = odd[k];
      if (4 * k == N)
        t = {t.im, -t.re};
      else if (k != 0)
        t = turned(t, set1(turns.cosine[k]), set1(turns.sine[k]));
      a[k] = {even[k].re + t.re, even[k].im + t.im};
      a[k + N / 2] = {even[k].re - t.re, even[k].im - t.im};
    }
  } else {
    constexpr int kHalf = N / 2;
    Complex sum[kHalf + 1], difference[kHalf + 1], first = a[0];
    FOVEA_UNROLL for (int j = 1; j <= kHalf; j++) {
      sum[j] = {a[j].re + a[N - j].re, a[j].im + a[N - j].im};
      difference[j] = {a[j].re - a[N - j].re, a[j].im - a[N - j].im};
      a[0] = {a[0].re + sum[j].re, a[0].im + sum[j].im};
    }
    FOVEA_UNROLL for (int k = 1; k <= kHalf; k++) {
      Complex c = first, s = {V{}, V{}};
      FOVEA_UNROLL for (int j = 1; j <= kHalf; j++) {
        const V cosine = set1(turns.cosine[j * k % N]), sine = set1(turns.sine[j * k % N]);
        c = {madd(cosine, sum[j].re, c.re), madd(cosine, sum[j].im, c.im)};
        s = {madd(sine, difference[j].im, s.re), madd(-sine, difference[j].re, s.im)};
      }
      a[k] = {c.re + s.re, c.im + s.im};
      a[N - k] = {c.re - s.re, c.im - s.im};
    }
  }
}

template <int R>
static void pass(const float* x, float* y, int64_t rest, int64_t stride, const float* twiddles, bool inverse) {
  const int64_t re = inverse ? kLanes : 0, im = kLanes - re, apart = rest * stride * kPoint;
  for (int64_t p = 0; p < rest; p++, twiddles += 2 * (R - 1)) {
    for (int64_t q = 0; q < stride; q++) {
      const float* from = x + (p * stride + q) * kPoint;
      float* to = y + (p * R * stride + q) * kPoint;
      Complex a[R];
      FOVEA_UNROLL for (int j = 0; j < R; j++) a[j] = {load(from + j * apart + re), load(from + j * apart + im)};
      transform_block(a);
      FOVEA_UNROLL for (int k = 0; k < R; k++) {
        if (k > 0 && p > 0) a[k] = turned(a[k], set1(twiddles[2 * k - 2]), set1(twiddles[2 * k - 1]));
        store(to + k * stride * kPoint + re, a[k].re);
        store(to + k * stride * kPoint + im, a[k].im);
      }
    }
  }
}

// body(value, point) in the order of the values.
template <class F>
static inline void each_place(const FftPlace& place, F body) {
  for (int64_t i = 0, j = place.at; i < place.count; i++, j = j + 1 == place.n ? 0 : j + 1) body(i, j * kPoint);
}
static inline void clear_others(float* line, const FftPlace& place) {
  const int64_t end = place.at + place.count, wrapped = end > place.n ? end - place.n : 0;
  for (int64_t j = wrapped; j < place.at; j++) store(line + j * kPoint, V{}), store(line + j * kPoint + kLanes, V{});
  for (int64_t j = end; j < place.n; j++) store(line + j * kPoint, V{}), store(line + j * kPoint + kLanes, V{});
}
static inline V load_some(const float* p, int64_t k) { return k == kLanes ? load(p) : load_n(p, k); }
static inline void store_some(float* p, V v, int64_t k) {
  if (k == kLanes) return store(p, v);
  store_n(p, v, k);
}

static void load_line(float* line, const FftPair& from, const FftPlace& place) {
  clear_others(line, place);
  each_place(place, [&](int64_t i, int64_t j) {
    store(line + j, load_some(from.first + i * from.step, from.first_channels));
    store(line + j + kLanes, from.second ? load_some(from.second + i * from.step, from.second_channels) : V{});
  });
}
static void store_line(const float* line, const FftPair& to, const FftPlace& place) {
  each_place(place, [&](int64_t i, int64_t j) {
    store_some(to.first + i * to.step, load(line + j), to.first_channels);
    if (to.second) store_some(to.second + i * to.step, load(line + j + kLanes), to.second_channels);
  });
}

static void split(const float* line, float* first, float* second, int64_t n) {
  for (int64_t k = 0; k <= n / 2; k++) {
    const float *z = line + k * kPoint, *mirror = line + (k ? n - k : 0) * kPoint;
    const V a = load(z), b = load(z + kLanes), c = load(mirror), d = load(mirror + kLanes);
    store(first + k * kPoint, a + c), store(first + k * kPoint + kLanes, b - d);
    store(second + k * kPoint, b + d), store(second + k * kPoint + kLanes, c - a);
  }
}
static void join(const float* first, const float* second, float* line, int64_t n) {
  for (int64_t k = 0; k <= n / 2; k++) {
    const V a = load(first + k * kPoint), b = load(first + k * kPoint + kLanes);
    const V c = load(second + k * kPoint), d = load(second + k * kPoint + kLanes);
    float *z = line + k * kPoint, *mirror = line + (k ? n - k : 0) * kPoint;
    store(mirror, a + d), store(mirror + kLanes, c - b);
    store(z, a - d), store(z + kLanes, b + c);
  }
}

static void gather(float* line, const float* from, int64_t step, const FftPlace& place) {
  clear_others(line, place);
  each_place(place, [&](int64_t i, int64_t j) {
    store(line + j, load(from + i * step)), store(line + j + kLanes, load(from + i * step + kLanes));
  });
}
static void scatter(const float* line, float* to, int64_t step, const FftPlace& place) {
  each_place(place, [&](int64_t i, int64_t j) {
    store(to + i * step, load(line + j)), store(to + i * step + kLanes, load(line + j + kLanes));
  });
}

static void multiply(float* line, const float* spectrum, int64_t n) {
  for (int64_t i = 0; i < n * kPoint; i += kPoint) {
    const V a = load(line + i), b = load(line + i + kLanes), c = load(spectrum + i), d = load(spectrum + i + kLanes);
    store(line + i, madd(-b, d, a * c)), store(line + i + kLanes, madd(a, d, b * c));
  }
}
static void correlate(float* sum, const float* line, const float* spectrum, int64_t n) {
  for (int64_t i = 0; i < n * kPoint; i += kPoint) {
    const V a = load(line + i), b = load(line + i + kLanes), c = load(spectrum + i), d = load(spectrum + i + kLanes);
    store(sum + i, madd(b, d, madd(a, c, load(sum + i))));
    store(sum + i + kLanes, madd(-a, d, madd(b, c, load(sum + i + kLanes))));
  }
}

constexpr FftTable make_fft_table() {
  return {kLanes,    {nullptr, nullptr, pass<2>, pass<3>, pass<4>, pass<5>, pass<6>, pass<7>, pass<8>, pass<9>},
          load_line, store_line,
          split,     join,
          gather,    scatter,
          multiply,  correlate};
}
