// Folds of small dense tiles, for the reductions.

// Column sums (or maxima): V column vectors at a time, in lanes, even and odd rows apart.
template <class F, int kVectors>
static inline void fold_rows_at(float* acc, const float* v, int64_t rows, int64_t cols, V empty) {
  F f;
  V even[kVectors], odd[kVectors];
  for (int j = 0; j < kVectors; j++) even[j] = load(acc + j * kLanes), odd[j] = empty;
  int64_t r = 0;
  for (; r + 2 <= rows; r += 2, v += 2 * cols) {
    for (int j = 0; j < kVectors; j++) even[j] = f(even[j], load(v + j * kLanes)), __builtin_prefetch(v + j * kLanes + 1024);
    for (int j = 0; j < kVectors; j++) __builtin_prefetch(v + cols + j * kLanes + 1024);
    for (int j = 0; j < kVectors; j++) odd[j] = f(odd[j], load(v + cols + j * kLanes));
  }
  if (r < rows) {
    for (int j = 0; j < kVectors; j++) even[j] = f(even[j], load(v + j * kLanes));
  }
  for (int j = 0; j < kVectors; j++) store(acc + j * kLanes, f(even[j], odd[j]));
}

template <class F>
static inline void fold_rows(float* acc, const float* v, int64_t rows, int64_t cols, V empty) {
  F f;
  if (cols > 4 * kLanes) {  // four rows at a time, so that memory is read nearly in order
    for (; rows >= 4; rows -= 4, v += 4 * cols) {
      each_vector(cols, [&](int64_t c, int64_t k) {
        for (int j = 0; j < 4; j++) __builtin_prefetch(v + j * cols + c + 1024);
        V ab = f(get(v + c, k), get(v + cols + c, k)), cd = f(get(v + 2 * cols + c, k), get(v + 3 * cols + c, k));
        put(acc + c, f(get(acc + c, k), f(ab, cd)), k);
      });
    }
  }
  int64_t c = 0;
  for (; c + 4 * kLanes <= cols; c += 4 * kLanes) fold_rows_at<F, 4>(acc + c, v + c, rows, cols, empty);
  for (; c + kLanes <= cols; c += kLanes) fold_rows_at<F, 1>(acc + c, v + c, rows, cols, empty);
  if (int64_t k = cols - c) {
    V s = load_n(acc + c, k);
    for (int64_t r = 0; r < rows; r++) s = f(s, load_n(v + c + r * cols, k));
    store_n(acc + c, s, k);
  }
}
static void sum_rows(float* acc, const float* v, int64_t rows, int64_t cols) { fold_rows<Add>(acc, v, rows, cols, V{}); }
static void max_rows(float* acc, const float* v, int64_t rows, int64_t cols) {
  fold_rows<Max>(acc, v, rows, cols, set1(-__builtin_inff()));
}

// The first k lanes of v, `other` in the rest.
static inline V first(V v, int64_t k, V other) {
  I lane;
  for (int i = 0; i < kLanes; i++) lane[i] = i;
  return lane < (int32_t)k ? v : other;
}

template <class F>
static inline float fold_row(const float* v, int64_t n, V empty) {
  F f;
  V s[4] = {empty, empty, empty, empty};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    for (int j = 0; j < 4; j++) s[j] = f(s[j], load(v + i + j * kLanes)), __builtin_prefetch(v + i + j * kLanes + 1024);
  }
  for (; i + kLanes <= n; i += kLanes) s[0] = f(s[0], load(v + i));
  if (i < n) s[1] = f(s[1], first(load_n(v + i, n - i), n - i, empty));
  return fold(f(f(s[0], s[1]), f(s[2], s[3])), f);
}
static void sum_cols(float* acc, const float* v, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; r++) acc[r] += fold_row<Add>(v + r * cols, cols, V{});
}
static inline float max_row(const float* v, int64_t n) { return fold_row<Max>(v, n, set1(-__builtin_inff())); }
static void max_cols(float* acc, const float* v, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; r++) {
    float m = max_row(v + r * cols, cols);
    acc[r] = acc[r] > m || acc[r] != acc[r] ? acc[r] : m;
  }
}

static void move_sum(double* total, float* acc, int64_t n) {
  for (int64_t i = 0; i < n; i++) total[i] += acc[i], acc[i] = 0;
}
static void move_max(double* total, float* acc, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    double a = acc[i];
    total[i] = total[i] > a || total[i] != total[i] ? total[i] : a;
    acc[i] = -__builtin_inff();
  }
}
