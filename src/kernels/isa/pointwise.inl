// The loops of the pointwise engine: one function per op and per set of scalar operands.

template <class F, int kArity, int kScalar>
static void loop(float* d, const float* a, const float* b, const float* c, int64_t n) {
  constexpr bool kB = kArity > 1, kC = kArity > 2;
  const V sa = kScalar & 1 ? set1(*a) : V{}, sb = kB && (kScalar & 2) ? set1(*b) : V{},
          sc = kC && (kScalar & 4) ? set1(*c) : V{};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    V va = kScalar & 1 ? sa : load(a + i), vb = !kB || (kScalar & 2) ? sb : load(b + i);
    V vc = !kC || (kScalar & 4) ? sc : load(c + i);
    store(d + i, F{}(va, vb, vc));
  }
  if (int64_t k = n - i) {
    V va = kScalar & 1 ? sa : load_n(a + i, k), vb = !kB || (kScalar & 2) ? sb : load_n(b + i, k);
    V vc = !kC || (kScalar & 4) ? sc : load_n(c + i, k);
    store_n(d + i, F{}(va, vb, vc), k);
  }
}

template <class F>
static constexpr void unary(PwTable& t, Pw op, F) {
  t.fn[static_cast<int>(op)][0] = loop<F, 1, 0>;
}
template <class F>
static constexpr void binary(PwTable& t, Pw op, F) {
  PwFn* fn = t.fn[static_cast<int>(op)];
  fn[0] = loop<F, 2, 0>, fn[1] = loop<F, 2, 1>, fn[2] = loop<F, 2, 2>;
}
template <class F>
static constexpr void ternary(PwTable& t, Pw op, F) {
  PwFn* fn = t.fn[static_cast<int>(op)];
  fn[0] = loop<F, 3, 0>, fn[1] = loop<F, 3, 1>, fn[2] = loop<F, 3, 2>, fn[3] = loop<F, 3, 3>;
  fn[4] = loop<F, 3, 4>, fn[5] = loop<F, 3, 5>, fn[6] = loop<F, 3, 6>;
}

static void copy_row(float* d, const float* s, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(d + i, load(s + i));
  if (i < n) store_n(d + i, load_n(s + i, n - i), n - i);
}

static void fill_row(float* d, float x, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(d + i, set1(x));
  if (i < n) store_n(d + i, set1(x), n - i);
}

static void load2d(float* d, const float* s, int64_t rows, int64_t cols, int64_t rs, int64_t cs) {
  for (int64_t r = 0; r < rows; r++, d += cols, s += rs) {
    if (cs == 1) {
      copy_row(d, s, cols);
    } else if (cs == 0) {
      fill_row(d, *s, cols);
    } else {
      for (int64_t i = 0; i < cols; i++) d[i] = s[i * cs];
    }
  }
}

static void store2d(float* d, const float* s, int64_t rows, int64_t cols, int64_t ld) {
  for (int64_t r = 0; r < rows; r++) copy_row(d + r * ld, s + r * cols, cols);
}

static constexpr PwTable make_pw_table() {
  PwTable t = {};
  unary(t, Pw::neg, [](V a, V, V) { return -a; });
  unary(t, Pw::abs, [](V a, V, V) { return abs(a); });
  unary(t, Pw::sign, [](V a, V, V) { return one_if(a > 0.0f) - one_if(a < 0.0f); });
  unary(t, Pw::exp, [](V a, V, V) { return exp(a); });
  unary(t, Pw::log, [](V a, V, V) { return log(a); });
  unary(t, Pw::sqrt, [](V a, V, V) { return sqrt(a); });
  unary(t, Pw::rsqrt, [](V a, V, V) { return 1.0f / sqrt(a); });
  unary(t, Pw::recip, [](V a, V, V) { return 1.0f / a; });
  unary(t, Pw::tanh, [](V a, V, V) { return tanh(a); });
  unary(t, Pw::erf, [](V a, V, V) { return erf(a); });
  unary(t, Pw::sigmoid, [](V a, V, V) { return sigmoid(a); });
  unary(t, Pw::floor, [](V a, V, V) { return floor(a); });
  unary(t, Pw::round, [](V a, V, V) { return round(a); });
  unary(t, Pw::sin, [](V a, V, V) { return sin(a); });
  unary(t, Pw::cos, [](V a, V, V) { return cos(a); });
  unary(t, Pw::relu, [](V a, V, V) { return relu(a); });
  unary(t, Pw::square, [](V a, V, V) { return a * a; });
  binary(t, Pw::add, [](V a, V b, V) { return a + b; });
  binary(t, Pw::sub, [](V a, V b, V) { return a - b; });
  binary(t, Pw::mul, [](V a, V b, V) { return a * b; });
  binary(t, Pw::div, [](V a, V b, V) { return a / b; });
  binary(t, Pw::max, [](V a, V b, V) { return max(a, b); });
  binary(t, Pw::min, [](V a, V b, V) { return min(a, b); });
  binary(t, Pw::pow, [](V a, V b, V) { return pow(a, b); });
  binary(t, Pw::gt, [](V a, V b, V) { return one_if(a > b); });
  binary(t, Pw::ge, [](V a, V b, V) { return one_if(a >= b); });
  binary(t, Pw::eq, [](V a, V b, V) { return one_if(a == b); });
  ternary(t, Pw::select, [](V a, V b, V c) { return a != 0.0f ? b : c; });
  t.chain = chain;
  t.load2d = load2d;
  t.store2d = store2d;
  return t;
}
