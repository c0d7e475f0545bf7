// Transposes of any size, in squares of registers. After vec.inl.

// Lanes i and i + kLanes / 2 of the pair become neighbours: log2(kLanes) rounds of this transpose a square.
static inline void interleave(V a, V b, V& low, V& high) {
#if FOVEA_LANES == 16
  low = __builtin_shuffle(a, b, I{0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23});
  high = __builtin_shuffle(a, b, I{8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31});
#elif FOVEA_LANES == 8
  low = __builtin_shuffle(a, b, I{0, 8, 1, 9, 2, 10, 3, 11});
  high = __builtin_shuffle(a, b, I{4, 12, 5, 13, 6, 14, 7, 15});
#else
  low = __builtin_shuffle(a, b, I{0, 4, 1, 5});
  high = __builtin_shuffle(a, b, I{2, 6, 3, 7});
#endif
}

static inline void transpose_square(V (&v)[kLanes]) {
#pragma GCC unroll 4
  for (int round = 1; round < kLanes; round *= 2) {
    V next[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes / 2; i++) interleave(v[i], v[i + kLanes / 2], next[2 * i], next[2 * i + 1]);
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; i++) v[i] = next[i];
  }
}

// d [cols, rows] = scale * s' (+ d), s [rows, cols]. Scale 1 leaves the bits alone: they may be no floats.
static void transpose(float* d, int64_t ldd, const float* s, int64_t lds, int64_t rows, int64_t cols, float scale,
                      bool add) {
  for (int64_t r = 0; r < rows; r += kLanes) {
    int64_t height = rows - r < kLanes ? rows - r : kLanes;
    for (int64_t c = 0; c < cols; c += kLanes) {
      int64_t width = cols - c < kLanes ? cols - c : kLanes;
      V square[kLanes];
      for (int i = 0; i < kLanes; i++) {
        const float* from = s + (r + i) * lds + c;
        square[i] = i >= height ? V{} : width == kLanes ? load(from) : load_n(from, width);
      }
      transpose_square(square);
      for (int i = 0; i < width; i++) {
        float* to = d + (c + i) * ldd + r;
        V value = scale == 1.0f ? square[i] : square[i] * scale;
        if (add) value += height == kLanes ? load(to) : load_n(to, height);
        if (height == kLanes) {
          store(to, value);
        } else {
          store_n(to, value, height);
        }
      }
    }
  }
}
