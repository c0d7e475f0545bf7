// Depthwise convolution of one tile: P pixels of one row x `blocks` registers of channels. Channels are the lanes.
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

template <int P, int N>
[[gnu::always_inline]] inline void forward_piece(V (&acc)[P], const float* x, int64_t step, const float* w, uint32_t inside,
                                                 int64_t channels) {
  V taps[N];
  unroll<N>([&](auto v) FOVEA_INLINE { taps[v.value] = load(w + v.value * kLanes); });
  unroll<P + N - 1>([&](auto q) FOVEA_INLINE {
    if (inside >> q.value & 1) {
      V pixel = load_some(x, channels);
      unroll<N>([&](auto v) FOVEA_INLINE {
        constexpr int j = decltype(q)::value - decltype(v)::value;
        if constexpr (j >= 0 && j < P) acc[j] = madd(pixel, taps[v.value], acc[j]);
      });
    }
    x += step;
  });
}

template <int P>
void forward_tile(const DepthwiseTile& t) {
  for (int b = 0; b < t.blocks; b++) {
    int64_t channels = b + 1 < t.blocks ? kLanes : t.last;
    const float* xb = t.x + b * kLanes;
    const float* wb = t.w + b * t.w_block;
    V acc[P];
    unroll<P>([&](auto j) FOVEA_INLINE { acc[j.value] = V{}; });
    for (int r = 0; r < t.nrows; r++) {
      const float* xr = xb + t.rows[r].at * t.x_row;
      const float* wr = wb + t.rows[r].tap * t.w_row;
      for (int i = 0; i < t.npieces; i++) {
        const DepthwisePiece& piece = t.pieces[i];
        with_taps(piece.taps, [&](auto v) FOVEA_INLINE {
          forward_piece<P, decltype(v)::value>(acc, xr + piece.column * t.x_column, t.x_step, wr + piece.first * kLanes,
                                               piece.inside, channels);
        });
      }
    }
    float* y = t.y + b * kLanes;
    unroll<P>([&](auto j) FOVEA_INLINE { store_some(y + j.value * t.y_step, acc[j.value], channels); });
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
    if (inside >> q.value & 1) {
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
void weights_tile(const DepthwiseTile& t) {
  for (int b = 0; b < t.blocks; b++) {
    int64_t channels = b + 1 < t.blocks ? kLanes : t.last;
    const float* xb = t.x + b * kLanes;
    float* wb = t.w + b * t.w_block;
    V grad[P];
    unroll<P>([&](auto j) FOVEA_INLINE { grad[j.value] = load_some(t.y + b * kLanes + j.value * t.y_step, channels); });
    for (int r = 0; r < t.nrows; r++) {
      const float* xr = xb + t.rows[r].at * t.x_row;
      float* wr = wb + t.rows[r].tap * t.w_row;
      for (int i = 0; i < t.npieces; i++) {
        const DepthwisePiece& piece = t.pieces[i];
        with_taps(piece.taps, [&](auto v) FOVEA_INLINE {
          weights_piece<P, decltype(v)::value>(grad, xr + piece.column * t.x_column, t.x_step, wr + piece.first * kLanes,
                                               piece.inside, channels);
        });
      }
    }
  }
}

// The table of tiles by width; wider ones than the registers hold stay null.
template <int... P>
constexpr DepthwiseTable make_depthwise_table(Int<P>...) {
  return {kLanes, sizeof...(P), {&forward_tile<P>...}, {&weights_tile<P>...}};
}
