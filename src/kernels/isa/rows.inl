// Norms and softmaxes along rows, a row at a time: its passes after the first find it in L1.

// The sum of term(i, k) over a row: lanes at most 64 deep, then double.
template <class F>
static inline double sum_terms(int64_t n, F term) {
  constexpr int64_t kBlock = 4 * 64 * kLanes;
  double total = 0;
  for (int64_t b = 0; b < n; b += kBlock) {
    int64_t i = b, end = n - b < kBlock ? n : b + kBlock;
    V s[4] = {};
    for (; i + 4 * kLanes <= end; i += 4 * kLanes) {
      for (int j = 0; j < 4; j++) s[j] += term(i + j * kLanes, 0);
    }
    for (; i + kLanes <= end; i += kLanes) s[0] += term(i, 0);
    if (i < end) s[1] += first(term(i, end - i), end - i, V{});
    total += sum_lanes((s[0] + s[1]) + (s[2] + s[3]));
  }
  return total;
}

static inline float inverse_root(double x) { return (1.0f / sqrt(set1((float)x)))[0]; }

struct RowStats {
  float mean, rstd;
};
static inline RowStats row_stats(const float* x, int64_t n, float eps) {
  float mean = (float)(sum_terms(n, [&](int64_t i, int64_t k) { return get(x + i, k); }) / n);
  double m2 = sum_terms(n, [&](int64_t i, int64_t k) {
    V d = get(x + i, k) - mean;
    return d * d;
  });
  return {mean, inverse_root(m2 / n + eps)};
}

static void layer_norm(float* y, const float* x, const float* gamma, const float* beta, float eps, int64_t rows,
                       int64_t cols) {
  for (int64_t r = 0; r < rows; r++, x += cols, y += cols) {
    RowStats s = row_stats(x, cols, eps);
    each_vector(cols, [&](int64_t i, int64_t k) {
      V v = (get(x + i, k) - s.mean) * s.rstd;
      if (gamma) v = v * get(gamma + i, k);
      if (beta) v = v + get(beta + i, k);
      put(y + i, v, k);
    });
  }
}

static void layer_norm_backward(float* dx, const float* dy, const float* x, const float* gamma, float eps, int64_t rows,
                                int64_t cols) {
  for (int64_t r = 0; r < rows; r++, x += cols, dy += cols, dx += cols) {
    RowStats s = row_stats(x, cols, eps);
    auto normal = [&](int64_t i, int64_t k) { return (get(x + i, k) - s.mean) * s.rstd; };
    auto grad = [&](int64_t i, int64_t k) { return gamma ? get(dy + i, k) * get(gamma + i, k) : get(dy + i, k); };
    float mean_g = (float)(sum_terms(cols, grad) / cols);
    float mean_gx = (float)(sum_terms(cols, [&](int64_t i, int64_t k) { return grad(i, k) * normal(i, k); }) / cols);
    each_vector(cols,
                [&](int64_t i, int64_t k) { put(dx + i, (grad(i, k) - mean_g - normal(i, k) * mean_gx) * s.rstd, k); });
  }
}

// The sums stay in registers over some rows: stored for each, their last lanes would come back late.
static void layer_norm_sums(float* dgamma, float* dbeta, const float* dy, const float* x, float eps, int64_t rows,
                            int64_t cols) {
  constexpr int64_t kRows = 16;
  for (int64_t r = 0; r < rows; r += kRows, x += kRows * cols, dy += kRows * cols) {
    const int64_t count = rows - r < kRows ? rows - r : kRows, ahead = kRows * cols;
    RowStats s[kRows];
    for (int64_t j = 0; j < count; j++) {
      for (int64_t i = 0; i < cols; i += 16) {
        __builtin_prefetch(x + ahead + j * cols + i), __builtin_prefetch(dy + ahead + j * cols + i);
      }
      s[j] = row_stats(x + j * cols, cols, eps);
    }
    each_vector(cols, [&](int64_t i, int64_t k) {
      V of_gamma = get(dgamma + i, k), of_beta = get(dbeta + i, k);
      for (int64_t j = 0; j < count; j++) {
        V d = get(dy + j * cols + i, k);
        of_gamma += d * ((get(x + j * cols + i, k) - s[j].mean) * s[j].rstd), of_beta += d;
      }
      put(dgamma + i, of_gamma, k), put(dbeta + i, of_beta, k);
    });
  }
}

static void softmax(float* y, const float* x, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; r++, x += cols, y += cols) {
    float top = max_row(x, cols);
    float scale = (float)(1.0 / sum_terms(cols, [&](int64_t i, int64_t k) {
                            V e = exp(get(x + i, k) - top);
                            put(y + i, e, k);
                            return e;
                          }));
    each_vector(cols, [&](int64_t i, int64_t k) { put(y + i, get(y + i, k) * scale, k); });
  }
}

static void log_softmax(float* y, const float* x, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; r++, x += cols, y += cols) {
    float top = max_row(x, cols);
    double sum = sum_terms(cols, [&](int64_t i, int64_t k) { return exp(get(x + i, k) - top); });
    float log_sum = log(set1((float)sum))[0];
    each_vector(cols, [&](int64_t i, int64_t k) { put(y + i, (get(x + i, k) - top) - log_sum, k); });
  }
}

// sum += the rows of x [rows, cols], in memory order; as many rows after them are asked for.
static inline void add_rows(float* sum, const float* x, int64_t rows, int64_t cols, int64_t ld) {
  const int64_t ahead = rows * ld;
  for (; rows >= 4; rows -= 4, x += 4 * ld) {
    each_vector(cols, [&](int64_t c, int64_t k) {
      for (int j = 0; j < 4; j++) __builtin_prefetch(x + ahead + j * ld + c);
      V pairs = (get(x + c, k) + get(x + ld + c, k)) + (get(x + 2 * ld + c, k) + get(x + 3 * ld + c, k));
      put(sum + c, get(sum + c, k) + pairs, k);
    });
  }
  for (; rows > 0; rows--, x += ld) {
    each_vector(cols, [&](int64_t c, int64_t k) { put(sum + c, get(sum + c, k) + get(x + c, k), k); });
  }
}

// Sums of x - center and of its square down one vector of columns.
static inline void deviations(const float* x, int64_t rows, int64_t ld, int64_t k, V center, V& sum, V& squares) {
  V s[2] = {}, q[2] = {};
  int64_t r = 0;
  for (; r + 2 <= rows; r += 2, x += 2 * ld) {
    V a = get(x, k) - center, b = get(x + ld, k) - center;
    s[0] += a, s[1] += b;
    q[0] += a * a, q[1] += b * b;
  }
  if (r < rows) {
    V a = get(x, k) - center;
    s[0] += a, q[0] += a * a;
  }
  sum = s[0] + s[1], squares = q[0] + q[1];
}

// Chan's merge of a block whose moments come from two passes over it, the second about the first's mean (corrected).
static void join_moments(double* mean, double* m2, int64_t before, const float* x, int64_t rows, int64_t cols, int64_t ld) {
  const double weight = (double)rows / (double)(before + rows), cross = weight * (double)before, each = 1.0 / (double)rows;
  float center[kMomentsStrip] = {}, rest[kMomentsStrip], squares[kMomentsStrip];
  add_rows(center, x, rows, cols, ld);
  each_vector(cols, [&](int64_t c, int64_t k) {
    V middle = get(center + c, k) * (float)each, sum, square;
    deviations(x + c, rows, ld, k, middle, sum, square);
    put(center + c, middle, k), put(rest + c, sum, k), put(squares + c, square, k);
  });
  for (int64_t c = 0; c < cols; c++) {
    double drift = rest[c] * each, delta = center[c] + drift - mean[c];
    mean[c] += delta * weight;
    m2[c] += squares[c] - rest[c] * drift + delta * delta * cross;
  }
}

static constexpr RowsTable make_rows_table() {
  return {.sum_rows = sum_rows,
          .max_rows = max_rows,
          .sum_cols = sum_cols,
          .max_cols = max_cols,
          .move_sum = move_sum,
          .move_max = move_max,
          .layer_norm = layer_norm,
          .layer_norm_backward = layer_norm_backward,
          .layer_norm_sums = layer_norm_sums,
          .softmax = softmax,
          .log_softmax = log_softmax,
          .join_moments = join_moments};
}
