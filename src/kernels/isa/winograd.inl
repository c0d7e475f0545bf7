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
