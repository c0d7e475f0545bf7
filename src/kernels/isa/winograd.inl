// The transforms of Winograd's convolution on kLanes channels at a time. Included after vec.inl.
// A transform of two dimensions is one of the columns, then one of the rows; each works on a line of T = M + 2 values.
#define FOVEA_UNROLL _Pragma("GCC unroll 8")

// Line by line, the polynomial of the points, divided by (x - point): the transposed Toom-Cook evaluation.
static inline void input_line(V (&d)[4]) {
  const V even = d[2], odd = d[1];
  d[0] = even - d[0];
  d[1] = even + odd;
  d[2] = even - odd;
  d[3] = d[3] - odd;
}
static inline void input_line(V (&d)[6]) {
  constexpr float a = kNearPoint, b = kFarPoint;
  const V near = madd(set1(-2.f), d[2], d[4]), near_odd = madd(set1(-2.f), d[1], d[3]);
  const V far = madd(set1(-.5f), d[2], d[4]), far_odd = madd(set1(-.5f), d[1], d[3]);
  d[0] = madd(set1(-2.5f), d[2], d[0]) + d[4];
  d[5] = madd(set1(-2.5f), d[3], d[1]) + d[5];
  d[1] = madd(set1(a), near_odd, near);
  d[2] = madd(set1(-a), near_odd, near);
  d[3] = madd(set1(b), far_odd, far);
  d[4] = madd(set1(-b), far_odd, far);
}

// Output k is the sum of the products, each times its point to the power k.
static inline void output_line(V (&m)[4]) {
  const V even = m[1] + m[2], odd = m[1] - m[2];
  m[0] = m[0] + even;
  m[1] = odd + m[3];
}
static inline void output_line(V (&m)[6]) {
  constexpr float a = kNearPoint, b = kFarPoint;
  const V near = m[1] + m[2], near_odd = m[1] - m[2], far = m[3] + m[4], far_odd = m[3] - m[4];
  m[0] = m[0] + (near + far);
  m[1] = madd(set1(a), near_odd, set1(b) * far_odd);
  m[2] = madd(set1(.5f), near, far + far);
  m[3] = madd(set1(a / 2), near_odd, madd(set1(b * 2), far_odd, m[5]));
}

// The gradient of a line of 4 outputs at the points: output_line, transposed.
static inline void output_gradient_line(const V (&d)[4], V (&m)[6]) {
  constexpr float a = kNearPoint, b = kFarPoint;
  const V near = madd(set1(.5f), d[2], d[0]), near_odd = madd(set1(.5f), d[3], d[1]);
  const V far = madd(set1(2.f), d[2], d[0]), far_odd = madd(set1(2.f), d[3], d[1]);
  m[0] = d[0];
  m[1] = madd(set1(a), near_odd, near);
  m[2] = madd(set1(-a), near_odd, near);
  m[3] = madd(set1(b), far_odd, far);
  m[4] = madd(set1(-b), far_odd, far);
  m[5] = d[3];
}

// The gradient of a line of 3 taps from its points: their evaluation (winograd.cpp), transposed.
static inline void kernel_gradient_line(const V (&m)[6], V (&g)[3]) {
  constexpr float a = kNearPoint, b = kFarPoint;
  const V near = set1(-2.f / 3) * (m[1] + m[2]), near_odd = m[1] - m[2];
  const V far = set1(1.f / 6) * (m[3] + m[4]), far_odd = m[3] - m[4];
  g[0] = m[0] + (near + far);
  g[1] = madd(set1(a * -2 / 3), near_odd, set1(b / 6) * far_odd);
  g[2] = madd(set1(.5f), near, madd(set1(2.f), far, m[5]));
}

template <int M>
static void input_tile(const float* const* tile, float* v, int64_t step, int64_t channels) {
  constexpr int T = M + 2;
  each_vector(channels, [=](int64_t c, int64_t k) {
    V rows[T][T];
    FOVEA_UNROLL for (int j = 0; j < T; j++) {
      V line[T];
      FOVEA_UNROLL for (int i = 0; i < T; i++) line[i] = get(tile[i * T + j] + c, k);
      input_line(line);
      FOVEA_UNROLL for (int i = 0; i < T; i++) rows[i][j] = line[i];
    }
    FOVEA_UNROLL for (int i = 0; i < T; i++) {
      input_line(rows[i]);
      FOVEA_UNROLL for (int j = 0; j < T; j++) put(v + (i * T + j) * step + c, rows[i][j], k);
    }
  });
}

template <int M>
static void output_tile(const float* m, int64_t step, float* y, int64_t row, int64_t column, int rows, int columns,
                        int64_t channels) {
  constexpr int T = M + 2;
  each_vector(channels, [=](int64_t c, int64_t k) {
    V lines[M][T];
    FOVEA_UNROLL for (int j = 0; j < T; j++) {
      V line[T];
      FOVEA_UNROLL for (int i = 0; i < T; i++) line[i] = get(m + (i * T + j) * step + c, k);
      output_line(line);
      FOVEA_UNROLL for (int i = 0; i < M; i++) lines[i][j] = line[i];
    }
    FOVEA_UNROLL for (int i = 0; i < M; i++) {
      if (i >= rows) return;
      output_line(lines[i]);
      FOVEA_UNROLL for (int j = 0; j < M; j++) {
        if (j < columns) put(y + i * row + j * column + c, lines[i][j], k);
      }
    }
  });
}

// From 4x4 pixels of the outputs' gradient to the 36 points.
static void output_gradient_tile(const float* const* tile, float* m, int64_t step, int64_t channels) {
  each_vector(channels, [=](int64_t c, int64_t k) {
    V rows[6][4], points[6];
    FOVEA_UNROLL for (int j = 0; j < 4; j++) {
      V line[4];
      FOVEA_UNROLL for (int i = 0; i < 4; i++) line[i] = get(tile[i * 4 + j] + c, k);
      output_gradient_line(line, points);
      FOVEA_UNROLL for (int i = 0; i < 6; i++) rows[i][j] = points[i];
    }
    FOVEA_UNROLL for (int i = 0; i < 6; i++) {
      output_gradient_line(rows[i], points);
      FOVEA_UNROLL for (int j = 0; j < 6; j++) put(m + (i * 6 + j) * step + c, points[j], k);
    }
  });
}

// From 36 points to 3x3 taps.
static void kernel_gradient_tile(const float* m, int64_t step, float* g, int64_t tap, int64_t channels) {
  each_vector(channels, [=](int64_t c, int64_t k) {
    V lines[3][6], taps[3];
    FOVEA_UNROLL for (int j = 0; j < 6; j++) {
      V line[6];
      FOVEA_UNROLL for (int i = 0; i < 6; i++) line[i] = get(m + (i * 6 + j) * step + c, k);
      kernel_gradient_line(line, taps);
      FOVEA_UNROLL for (int i = 0; i < 3; i++) lines[i][j] = taps[i];
    }
    FOVEA_UNROLL for (int i = 0; i < 3; i++) {
      kernel_gradient_line(lines[i], taps);
      FOVEA_UNROLL for (int j = 0; j < 3; j++) put(g + (i * 3 + j) * tap + c, taps[j], k);
    }
  });
}
