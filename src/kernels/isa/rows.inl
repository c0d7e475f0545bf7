// Norms and softmaxes along rows, a row at a time: its passes after the first find it in L1.

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

static void rms_norm(float* y, const float* x, const float* gamma, float eps, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; r++, x += cols, y += cols) {
    double squares = sum_terms(cols, [&](int64_t i, int64_t k) { return get(x + i, k) * get(x + i, k); });
    float scale = inverse_root(squares / cols + eps);
    each_vector(cols, [&](int64_t i, int64_t k) {
      V v = get(x + i, k) * scale;
      put(y + i, gamma ? v * get(gamma + i, k) : v, k);
    });
  }
}

static void layer_norm_backward(float* dx, float* dgamma, float* dbeta, const float* dy, const float* x, const float* gamma,
                                float eps, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; r++, x += cols, dy += cols, dx += cols) {
    RowStats s = row_stats(x, cols, eps);
    auto normal = [&](int64_t i, int64_t k) { return (get(x + i, k) - s.mean) * s.rstd; };
    auto grad = [&](int64_t i, int64_t k) { return gamma ? get(dy + i, k) * get(gamma + i, k) : get(dy + i, k); };
    float mean_g = (float)(sum_terms(cols, grad) / cols);
    float mean_gx = (float)(sum_terms(cols, [&](int64_t i, int64_t k) { return grad(i, k) * normal(i, k); }) / cols);
    each_vector(cols, [&](int64_t i, int64_t k) {
      V n = normal(i, k), d = get(dy + i, k);
      V g = (grad(i, k) - mean_g - n * mean_gx) * s.rstd;
      if (dgamma) put(dgamma + i, get(dgamma + i, k) + d * n, k);
      if (dbeta) put(dbeta + i, get(dbeta + i, k) + d, k);
      put(dx + i, g, k);
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

static void softmax_backward(float* dx, const float* y, const float* dy, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; r++, dx += cols, y += cols, dy += cols) {
    float dot = (float)sum_terms(cols, [&](int64_t i, int64_t k) { return get(y + i, k) * get(dy + i, k); });
    each_vector(cols, [&](int64_t i, int64_t k) { put(dx + i, get(y + i, k) * (get(dy + i, k) - dot), k); });
  }
}

static void log_softmax_backward(float* dx, const float* y, const float* dy, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; r++, dx += cols, y += cols, dy += cols) {
    float sum = (float)sum_terms(cols, [&](int64_t i, int64_t k) { return get(dy + i, k); });
    each_vector(cols, [&](int64_t i, int64_t k) { put(dx + i, get(dy + i, k) - exp(get(y + i, k)) * sum, k); });
  }
}

// Column sums of x - at, and of its square, for one vector of columns.
static inline void column_sums(const float* x, int64_t rows, int64_t ld, int64_t k, V at, V& sum, V& squares) {
  V s[2] = {}, q[2] = {};
  int64_t r = 0;
  for (; r + 2 <= rows; r += 2, x += 2 * ld) {
    V a = get(x, k) - at, b = get(x + ld, k) - at;
    s[0] += a, s[1] += b;
    q[0] += a * a, q[1] += b * b;
  }
  if (r < rows) {
    V a = get(x, k) - at;
    s[0] += a, q[0] += a * a;
  }
  sum = s[0] + s[1], squares = q[0] + q[1];
}

// Chan's merge of a block whose moments come from two passes over it, the second about the first's mean (corrected).
static void join_moments(double* mean, double* m2, int64_t before, const float* x, int64_t rows, int64_t cols, int64_t ld) {
  const double weight = (double)rows / (double)(before + rows), cross = weight * (double)before;
  const float inverse = 1.0f / (float)rows;
  each_vector(cols, [&](int64_t c, int64_t k) {
    V sum, rest, squares;
    column_sums(x + c, rows, ld, k, V{}, sum, squares);
    V center = sum * inverse;
    column_sums(x + c, rows, ld, k, center, rest, squares);
    for (int j = 0; j < (k ? (int)k : kLanes); j++) {
      double drift = (double)rest[j] / (double)rows, delta = center[j] + drift - mean[c + j];
      mean[c + j] += delta * weight;
      m2[c + j] += squares[j] - rest[j] * drift + delta * delta * cross;
    }
  });
}
