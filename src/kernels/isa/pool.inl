// Pooling over rows of contiguous floats; see pool_table.h.

// body(i, load, store) for the n floats, a vector at a time and then the rest.
template <class F>
[[gnu::always_inline]] static inline void over(int64_t n, F&& body) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    body(
        i, [](const float* p) { return load(p); }, [](float* p, V v) { store(p, v); });
  }
  int64_t rest = n - i;
  if (rest > 0) {
    body(
        i, [rest](const float* p) { return load_n(p, rest); }, [rest](float* p, V v) { store_n(p, v, rest); });
  }
}

static void pool_max(float* d, const float* s, int64_t stride, int count, int64_t n) {
  over(n, [=](int64_t i, auto get, auto put) {
    V most = set1(-__builtin_inff());
    for (int k = 0; k < count; k++) most = max(get(s + k * stride + i), most);
    put(d + i, most);
  });
}

static void pool_sum(float* d, const float* s, int64_t stride, const WindowTap* taps, int count, const float* scale,
                     float divisor, int64_t n) {
  over(n, [=](int64_t i, auto get, auto put) {
    V total = {};
    for (int k = 0; k < count; k++) {
      V value = get(s + taps[k].at * stride + i);
      total = scale ? madd(value, set1(scale[taps[k].at]), total) : total + value;
    }
    put(d + i, divisor == 1.0f ? total : total / divisor);
  });
}

static void pool_first_max(float* place, const float* x, const PoolWindow& w, int64_t n) {
  over(n, [=](int64_t i, auto get, auto put) {
    V most = set1(-__builtin_inff());
    I where = seti(w.nrows && w.ncolumns ? w.rows[0].tap * w.kw + w.columns[0].tap : -1);
    for (int r = 0; r < w.nrows; r++) {
      for (int c = 0; c < w.ncolumns; c++) {
        V value = get(x + w.rows[r].at * w.row + w.columns[c].at * w.column + i);
        I wins = (value > most) | (value != value);
        most = wins ? value : most;
        where = wins ? seti(w.rows[r].tap * w.kw + w.columns[c].tap) : where;
      }
    }
    put(place + i, (V)where);
  });
}

static void pool_gather(float* dx, const float* place, const float* dy, const PoolWindow& w, int64_t n) {
  over(n, [=](int64_t i, auto get, auto put) {
    V total = {};
    for (int r = 0; r < w.nrows; r++) {
      for (int c = 0; c < w.ncolumns; c++) {
        int64_t at = w.rows[r].at * w.row + w.columns[c].at * w.column + i;
        I here = (I)get(place + at) == w.rows[r].tap * w.kw + w.columns[c].tap;
        total += here ? get(dy + at) : V{};
      }
    }
    put(dx + i, total);
  });
}

static constexpr PoolTable make_pool_table() { return {pool_max, pool_sum, pool_first_max, pool_gather}; }
