// Depthwise convolution of small windows: R x P pixels of the result in registers, channels in the inner loop, so that every
// pixel is read along its channels, as it lies. Each source pixel is loaded once and meets all taps that want it.
#define FOVEA_INLINE __attribute__((always_inline))
#define FOVEA_UNROLL _Pragma("GCC unroll 16")

// How result pixel r and source pixel u of a tile meet along one axis: by tap tap(r, u), if that is one of K.
template <int K, SmallWindow W>
struct Meeting {
  static constexpr int stride = W == SmallWindow::strided ? 2 : 1, phase = W == SmallWindow::odd;
  static constexpr bool transposed = W == SmallWindow::even || W == SmallWindow::odd;
  static constexpr int tap(int r, int u) {
    const int t = transposed ? r + phase - 2 * (u - (K - 1 - phase) / 2) : u - r * stride;
    return t >= 0 && t < K ? t : -1;
  }
};

// The first k of kLanes lanes, k = kLanes included. Lane by lane takes code of its own: there are many such loads.
#if FOVEA_LANES == 4
[[gnu::noinline]] static V load_lanes(const float* p, int64_t k) { return load_n(p, k); }
[[gnu::noinline]] static void store_lanes(float* p, V v, int64_t k) { store_n(p, v, k); }
static inline V load_some(const float* p, int64_t k) { return k == kLanes ? load(p) : load_lanes(p, k); }
#else
static inline V load_some(const float* p, int64_t k) { return load_n(p, k); }
static inline void store_lanes(float* p, V v, int64_t k) { store_n(p, v, k); }
#endif
static inline void store_some(float* p, V v, int64_t k) {
  if (k == kLanes) return store(p, v);
  store_lanes(p, v, k);
}

template <int R, int P>
[[gnu::always_inline]] inline void finish_tile(const SmallTiles& s, const float* y, int64_t c, int64_t k, V (&acc)[R][P]) {
  const Finish& f = *s.finish.finish;
  const V lo = set1(f.lo), hi = set1(f.hi), bias = f.bias ? load_some(f.bias + c, k) : set1(-0.0f);
  const float* residual = f.residual ? f.residual + (y - s.finish.y) : nullptr;
  FOVEA_UNROLL for (int r = 0; r < R; r++) {
    FOVEA_UNROLL for (int p = 0; p < P; p++) {
      V a = acc[r][p] + bias;
      if (residual) a = a + load_some(residual + r * s.y_row + p * s.y_column, k);
      acc[r][p] = clamp(a, lo, hi);
    }
  }
}

// body(channel, how many, floats from the first tile's pixels of the source, the tile's pixels of the result).
template <class F>
[[gnu::always_inline]] inline void each_block(const SmallTiles& s, F&& body) {
  for (int64_t t = 0; t < s.tiles; t++)
    for (int64_t c = s.first; c < s.end; c += kLanes)
      body(c, s.end - c < kLanes ? s.end - c : kLanes, t * s.x_step + c, s.y + t * s.y_step + c);
}

// An element's sum is taken in the order of the source pixels, whatever the tile.
template <int K, SmallWindow W, int R, int P>
void sum_tile(const SmallTiles& s) {
  using M = Meeting<K, W>;
  constexpr int kRows = small_pixels(W, K, R), kColumns = small_pixels(W, K, P);
  each_block(s, [&](int64_t c, int64_t k, int64_t at, float* y) FOVEA_INLINE {
    const float* w = s.w + c * K * K;
    V acc[R][P] = {};
    FOVEA_UNROLL for (int u = 0; u < kRows; u++) {
      FOVEA_UNROLL for (int q = 0; q < kColumns; q++) {
        const V pixel = load_some(s.x[u * kColumns + q] + at, k);
        FOVEA_UNROLL for (int r = 0; r < R; r++) {
          FOVEA_UNROLL for (int p = 0; p < P; p++) {
            const int row = M::tap(r, u), column = M::tap(p, q);
            if (row >= 0 && column >= 0) acc[r][p] = madd(pixel, load(w + (row * K + column) * kLanes), acc[r][p]);
          }
        }
      }
    }
    if (s.finish.finish) finish_tile<R, P>(s, y, c, k, acc);
    FOVEA_UNROLL for (int r = 0; r < R; r++) {
      FOVEA_UNROLL for (int p = 0; p < P; p++) store_some(y + r * s.y_row + p * s.y_column, acc[r][p], k);
    }
  });
}

// The tile's gradients stay in registers beside the taps, which add what each source pixel brings them.
template <int K, SmallWindow W, int R, int P>
void weigh_tile(const SmallTiles& s) {
  using M = Meeting<K, W>;
  constexpr int kRows = small_pixels(W, K, R), kColumns = small_pixels(W, K, P);
  each_block(s, [&](int64_t c, int64_t k, int64_t at, const float* y) FOVEA_INLINE {
    float* w = const_cast<float*>(s.w) + c * K * K;
    V grad[R][P], taps[K][K];
    FOVEA_UNROLL for (int r = 0; r < R; r++) {
      FOVEA_UNROLL for (int p = 0; p < P; p++) grad[r][p] = load_some(y + r * s.y_row + p * s.y_column, k);
    }
    FOVEA_UNROLL for (int i = 0; i < K; i++) {
      FOVEA_UNROLL for (int j = 0; j < K; j++) taps[i][j] = load(w + (i * K + j) * kLanes);
    }
    FOVEA_UNROLL for (int u = 0; u < kRows; u++) {
      FOVEA_UNROLL for (int q = 0; q < kColumns; q++) {
        const V pixel = load_some(s.x[u * kColumns + q] + at, k);
        FOVEA_UNROLL for (int r = 0; r < R; r++) {
          FOVEA_UNROLL for (int p = 0; p < P; p++) {
            const int row = M::tap(r, u), column = M::tap(p, q);
            if (row >= 0 && column >= 0) taps[row][column] = madd(pixel, grad[r][p], taps[row][column]);
          }
        }
      }
    }
    FOVEA_UNROLL for (int i = 0; i < K; i++) {
      FOVEA_UNROLL for (int j = 0; j < K; j++) store(w + (i * K + j) * kLanes, taps[i][j]);
    }
  });
}

// R: rows of the largest tile whose operands fit the registers; it has 4 columns.
template <int K, SmallWindow W, int R>
constexpr SmallTable::Tiles sum_tiles() {
  constexpr int r2 = R > 1 ? 2 : 1, r3 = R > 2 ? 3 : 1, r4 = R > 3 ? 4 : 1;
  return {R,
          4,
          {{sum_tile<K, W, 1, 1>, sum_tile<K, W, 1, 2>, sum_tile<K, W, 1, 3>, sum_tile<K, W, 1, 4>},
           {sum_tile<K, W, r2, 1>, sum_tile<K, W, r2, 2>, sum_tile<K, W, r2, 3>, sum_tile<K, W, r2, 4>},
           {sum_tile<K, W, r3, 1>, sum_tile<K, W, r3, 2>, sum_tile<K, W, r3, 3>, sum_tile<K, W, r3, 4>},
           {sum_tile<K, W, r4, 1>, sum_tile<K, W, r4, 2>, sum_tile<K, W, r4, 3>, sum_tile<K, W, r4, 4>}}};
}
template <int K, SmallWindow W, int R>
constexpr SmallTable::Tiles weight_tiles() {
  constexpr int r2 = R > 1 ? 2 : 1, r3 = R > 2 ? 3 : 1, r4 = R > 3 ? 4 : 1;
  return {R,
          4,
          {{weigh_tile<K, W, 1, 1>, weigh_tile<K, W, 1, 2>, weigh_tile<K, W, 1, 3>, weigh_tile<K, W, 1, 4>},
           {weigh_tile<K, W, r2, 1>, weigh_tile<K, W, r2, 2>, weigh_tile<K, W, r2, 3>, weigh_tile<K, W, r2, 4>},
           {weigh_tile<K, W, r3, 1>, weigh_tile<K, W, r3, 2>, weigh_tile<K, W, r3, 3>, weigh_tile<K, W, r3, 4>},
           {weigh_tile<K, W, r4, 1>, weigh_tile<K, W, r4, 2>, weigh_tile<K, W, r4, 3>, weigh_tile<K, W, r4, 4>}}};
}

// kRows: of the largest tiles of sums, and of the weights of 3x3 windows.
template <int kRows, int kWeightRows>
constexpr SmallTable small_table() {
  using enum SmallWindow;
  return {kLanes,
          {{sum_tiles<3, dense, kRows>(), sum_tiles<3, strided, kRows>(), sum_tiles<3, even, kRows>(),
            sum_tiles<3, odd, kRows>()},
           {sum_tiles<5, dense, kRows>(), sum_tiles<5, strided, kRows>(), sum_tiles<5, even, kRows>(),
            sum_tiles<5, odd, kRows>()}},
          {{weight_tiles<3, dense, kWeightRows>(), weight_tiles<3, strided, kWeightRows>()},
           {{}, weight_tiles<5, strided, 1>()}}};
}
