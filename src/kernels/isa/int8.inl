// Activations to bytes: a plain loop, of which the compiler makes vectors. Included inside an anonymous namespace.

// The nearest even x / scale, within a byte when zero is added; a NaN is the zero point.
inline void to_bytes(uint8_t* __restrict to, const float* __restrict x, int64_t n, float inverse, int zero) {
  const float lo = static_cast<float>(-zero), hi = static_cast<float>(255 - zero);
  for (int64_t i = 0; i < n; i++) {
    float v = x[i] * inverse;
    v = v == v ? v : 0;
    v = v > lo ? v : lo;
    v = v < hi ? v : hi;
    v += 0x1.8p23f;  // whose last bits are now v's, rounded
    to[i] = static_cast<uint8_t>(__builtin_bit_cast(int32_t, v) + zero);
  }
}

inline void rows_to_bytes(float* words, const float* x, int64_t rows, int64_t c, const Quantization& q) {
  auto* to = reinterpret_cast<uint8_t*>(words);
  const int64_t width = (c + 3) / 4 * 4;
  for (int64_t r = 0; r < rows; r++, x += c, to += width) {
    to_bytes(to, x, c, 1 / q.scale, q.zero);
    for (int64_t i = c; i < width; i++) to[i] = 0;
  }
}
