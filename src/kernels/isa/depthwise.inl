// Depthwise convolution of a strip: tiles of P pixels x one register of channels, down the rows of an image.
// The P outputs stay in registers over the whole window; a piece's weights join them, then every input pixel is loaded
// once and meets all the taps that want it. Pixels outside the image are skipped, not multiplied by zero.
template <int I>
struct Int {
  static constexpr int value = I;
};
template <int N, int I = 0, class F>
[[gnu::always_inline]] inline void unroll(F&& body) {
  if constexpr (I < N) {
    body(Int<I>{});
    unroll<N, I + 1>(body);
  }
}

#define FOVEA_INLINE __attribute__((always_inline))

// The first k of kLanes lanes, k = kLanes included.
static inline V load_some(const float* p, int64_t k) {
#if FOVEA_LANES == 4
  if (k == kLanes) return load(p);
#endif
  return load_n(p, k);
}
static inline void store_some(float* p, V v, int64_t k) {
  if (k == kLanes) return store(p, v);
  store_n(p, v, k);
}

// Calls body(Int<taps>) for the runtime number of taps.
template <class F>
[[gnu::always_inline]] inline void with_taps(int taps, F&& body) {
  switch (taps) {
    case 1: return body(Int<1>{});
    case 2: return body(Int<2>{});
    case 3: return body(Int<3>{});
    case 4: return body(Int<4>{});
    case 5: return body(Int<5>{});
    case 6: return body(Int<6>{});
    case 7: return body(Int<7>{});
    default: return body(Int<8>{});
  }
}

// A row of a tile lies in as many places as it has pixels, which no prefetcher of the machine follows: it is asked for some
// rows ahead. Beyond the image lies the next one, or what nobody reads.
constexpr int kRowsAhead = 3;
template <int P, int kWrite = 0>
[[gnu::always_inline]] inline void prefetch_row(const float* p, int64_t step) {
  unroll<P>([&](auto j) FOVEA_INLINE {
    __builtin_prefetch(p + j.value * step, kWrite);
    __builtin_prefetch(p + j.value * step + kLanes - 1, kWrite);  // of two lines if channels are no multiple of a line
  });
}

// kWhole: every pixel that the piece reads exists.
template <int P, int N, bool kWhole>
[[gnu::always_inline]] inline void forward_piece(V (&acc)[P], const float* x, int64_t step, const float* w, uint32_t inside,
                                                 int64_t channels) {
  V taps[N];
  unroll<N>([&](auto v) FOVEA_INLINE { taps[v.value] = load(w + v.value * kLanes); });
  unroll<P + N - 1>([&](auto q) FOVEA_INLINE {
    if (kWhole || __builtin_expect(inside >> q.value & 1, 1)) {
      V pixel = load_some(x, channels);
      unroll<N>([&](auto v) FOVEA_INLINE {
        constexpr int j = decltype(q)::value - decltype(v)::value;
        if constexpr (j >= 0 && j < P) acc[j] = madd(pixel, taps[v.value], acc[j]);
      });
    }
    x += step;
  });
}

// The pixels of a tile that go to y.
template <int P>
[[gnu::always_inline]] inline void finish_pixels(const DepthwiseStrip& s, const float* y, V (&acc)[P]) {
  const Finish& f = *s.finish.finish;
  const V lo = set1(f.lo), hi = set1(f.hi), bias = f.bias ? load_some(f.bias + s.finish.channel, s.channels) : set1(-0.0f);
  unroll<P>([&](auto j) FOVEA_INLINE {
    V a = acc[j.value] + bias;
    if (f.residual) a = a + load_some(f.residual + (y - s.finish.y) + j.value * s.y_step, s.channels);
    acc[j.value] = clamp(a, lo, hi);
  });
}

template <int P>
void forward_strip(const DepthwiseStrip& s) {
  for (int row = 0; row < s.height; row++) {
    V acc[P];
    unroll<P>([&](auto j) FOVEA_INLINE { acc[j.value] = V{}; });
    const float* y_ahead = s.y + (row + kRowsAhead) * s.y_row;
    if (s.ahead) prefetch_row<P, 1>(y_ahead, s.y_step);
    if (s.ahead && s.finish.finish && s.finish.finish->residual)
      prefetch_row<P>(s.finish.finish->residual + (y_ahead - s.finish.y), s.y_step);
    for (int r = s.begin[row]; r < s.begin[row + 1]; r++) {
      const float* x = s.x + s.taps[r].at * s.x_row;
      const float* w = s.w + s.taps[r].tap * s.w_row;
      for (int i = 0; i < s.npieces; i++) {
        const DepthwisePiece& piece = s.pieces[i];
        with_taps(piece.taps, [&](auto n) FOVEA_INLINE {
          constexpr int N = decltype(n)::value;
          constexpr uint32_t kAllInside = (uint32_t{1} << (P + N - 1)) - 1;
          const float *from = x + piece.column * s.x_column, *taps = w + piece.first * kLanes;
          if (s.ahead && r + 1 == s.begin[row + 1]) prefetch_row<P + N - 1>(from + kRowsAhead * s.x_row, s.x_step);
          if (piece.inside == kAllInside)
            forward_piece<P, N, true>(acc, from, s.x_step, taps, piece.inside, s.channels);
          else
            forward_piece<P, N, false>(acc, from, s.x_step, taps, piece.inside, s.channels);
        });
      }
    }
    float* y = s.y + row * s.y_row;
    if (s.finish.finish) finish_pixels<P>(s, y, acc);
    unroll<P>([&](auto j) FOVEA_INLINE { store_some(y + j.value * s.y_step, acc[j.value], s.channels); });
  }
}

// The weight gradient has the same walk with the roles swapped: the tile's P output gradients stay in registers, and the
// taps of a piece are the accumulators.
template <int P, int N>
[[gnu::always_inline]] inline void weights_piece(const V (&grad)[P], const float* x, int64_t step, float* w, uint32_t inside,
                                                 int64_t channels) {
  V taps[N];
  unroll<N>([&](auto v) FOVEA_INLINE { taps[v.value] = load(w + v.value * kLanes); });
  unroll<P + N - 1>([&](auto q) FOVEA_INLINE {
    if (__builtin_expect(inside >> q.value & 1, 1)) {
      V pixel = load_some(x, channels);
      unroll<N>([&](auto v) FOVEA_INLINE {
        constexpr int j = decltype(q)::value - decltype(v)::value;
        if constexpr (j >= 0 && j < P) taps[v.value] = madd(pixel, grad[j], taps[v.value]);
      });
    }
    x += step;
  });
  unroll<N>([&](auto v) FOVEA_INLINE { store(w + v.value * kLanes, taps[v.value]); });
}

template <int P>
void weights_strip(const DepthwiseStrip& s) {
  for (int row = 0; row < s.height; row++) {
    const float* y = s.y + row * s.y_row;
    V grad[P];
    unroll<P>([&](auto j) FOVEA_INLINE { grad[j.value] = load_some(y + j.value * s.y_step, s.channels); });
    if (s.ahead) prefetch_row<P>(y + kRowsAhead * s.y_row, s.y_step);
    for (int r = s.begin[row]; r < s.begin[row + 1]; r++) {
      const float* x = s.x + s.taps[r].at * s.x_row;
      float* w = s.w + s.taps[r].tap * s.w_row;
      for (int i = 0; i < s.npieces; i++) {
        const DepthwisePiece& piece = s.pieces[i];
        with_taps(piece.taps, [&](auto n) FOVEA_INLINE {
          constexpr int N = decltype(n)::value;
          const float* from = x + piece.column * s.x_column;
          if (s.ahead && r + 1 == s.begin[row + 1]) prefetch_row<P + N - 1>(from + kRowsAhead * s.x_row, s.x_step);
          weights_piece<P, N>(grad, from, s.x_step, w + piece.first * kLanes, piece.inside, s.channels);
        });
      }
    }
  }
}

static void copy_pixels(float* d, const float* s, int64_t pixels, int64_t stride, int64_t channels) {
  for (int64_t i = 0; i < pixels; i++) store(d + i * kLanes, load_some(s + i * stride, channels));
}

// The table of strips by width; wider ones than the registers hold stay null.
template <int... P>
constexpr DepthwiseTable make_depthwise_table(Int<P>...) {
  return {kLanes, sizeof...(P), {&forward_strip<P>...}, {&weights_strip<P>...}, copy_pixels, transpose};
}
