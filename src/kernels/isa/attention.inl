// The elementwise parts of attention; see attention_table.h.

static inline V greater(V a, V b) { return a > b ? a : b; }

static V column_max(const float* s, int64_t ld, int64_t keys, V top) {
  V most[4] = {top, top, top, top};
  int64_t j = 0;
  for (; j + 4 <= keys; j += 4) {
    for (int i = 0; i < 4; i++) most[i] = greater(load(s + (j + i) * ld), most[i]);
  }
  for (; j < keys; j++) most[0] = greater(load(s + j * ld), most[0]);
  return greater(greater(most[0], most[1]), greater(most[2], most[3]));
}

static void attention_softmax(float* s, int64_t ld, int64_t keys, int64_t queries, float* top, float* sum, float* factor) {
  for (int64_t q = 0; q < queries; q += kLanes) {
    V before = load(top + q), now = column_max(s + q, ld, keys, before);
    V shift = now == -__builtin_inff() ? V{} : now;  // all masked so far: exp(-inf - 0) = 0, not exp(-inf + inf)
    V total = {};
    for (int64_t j = 0; j < keys; j++) {
      V e = exp(load(s + j * ld + q) - shift);
      store(s + j * ld + q, e);
      total += e;
    }
    V keep = exp(before - shift);
    store(factor + q, keep);
    store(sum + q, madd(load(sum + q), keep, total));
    store(top + q, now);
  }
}

static void attention_probabilities(float* s, int64_t ld, int64_t keys, int64_t queries, const float* lse) {
  for (int64_t q = 0; q < queries; q += kLanes) {
    V shift = load(lse + q);
    for (int64_t j = 0; j < keys; j++) store(s + j * ld + q, exp(load(s + j * ld + q) - shift));
  }
}

static void attention_gradient(float* p, float* dp, int64_t ld, int64_t keys, int64_t queries, const float* delta,
                               float scale) {
  for (int64_t q = 0; q < queries; q += kLanes) {
    V shift = load(delta + q);
    for (int64_t j = 0; j < keys; j++) {
      V ds = load(p + j * ld + q) * (load(dp + j * ld + q) - shift);
      store(p + j * ld + q, ds);
      store(dp + j * ld + q, ds * scale);
    }
  }
}

static void attention_scale(float* row, int64_t n, float factor) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(row + i, load(row + i) * factor);
  if (i < n) store_n(row + i, load_n(row + i, n - i) * factor, n - i);
}

static float attention_dot(const float* a, const float* b, int64_t n) {
  V total = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) total = madd(load(a + i), load(b + i), total);
  if (i < n) total = madd(load_n(a + i, n - i), load_n(b + i, n - i), total);
  return sum_lanes(total);
}

static constexpr AttentionTable make_attention_table() {
  return {kLanes, transpose, attention_softmax, attention_probabilities, attention_gradient, attention_scale, attention_dot};
}
