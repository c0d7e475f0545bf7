// The body of the register tiles, compiled once per instruction set. The including file defines, in an anonymous namespace,
// `struct V` (a vector: Reg, Mask, kLanes, load, store, masked forms, set1, zero, add, fma, and max and min that pass a NaN
// in their second operand) and kVectors, kRowsForm[], kColumnsForm[], kLine[] (how many accumulators of each width fit its
// registers), kLineChannels[] (where lines pay, measured), kIntegers (what fma sums).

// Loops over registers must vanish: an accumulator that is indexed at run time would live in memory.
#define FOVEA_UNROLL _Pragma("GCC unroll 32")

template <int MR>
inline V::Reg load_part(const float* p, int v, V::Mask tail) {
  return v == MR - 1 ? V::load(p + v * V::kLanes, tail) : V::load(p + v * V::kLanes);
}

template <int MR, int NR>
inline void load_tile(const Tile& t, V::Mask tail, V::Reg (&acc)[NR][MR]) {
  FOVEA_UNROLL for (int r = 0; r < NR; r++) {
    const float* c = t.c[r] + t.c_offset;
    FOVEA_UNROLL for (int v = 0; v < MR; v++) acc[r][v] = load_part<MR>(c, v, tail);
  }
}

template <int MR>
inline void store_part(float* p, int v, V::Mask tail, V::Reg x) {
  if (v == MR - 1)
    V::store(p + v * V::kLanes, x, tail);
  else
    V::store(p + v * V::kLanes, x);
}

// row(r): where row r of the tile goes.
template <int MR, int NR, class Row>
inline void finish_tile(const TileFinish& f, V::Mask tail, const V::Reg (&acc)[NR][MR], Row row) {
  const Finish& finish = *f.finish;
  const V::Reg lo = V::set1(finish.lo), hi = V::set1(finish.hi);
  V::Reg bias[MR];
  FOVEA_UNROLL for (int v = 0; v < MR; v++) bias[v] =
      finish.bias ? load_part<MR>(finish.bias + f.channel, v, tail) : V::set1(-0.0f);  // x + -0 is x
  FOVEA_UNROLL for (int r = 0; r < NR; r++) {
    float* c = row(r);
    FOVEA_UNROLL for (int v = 0; v < MR; v++) {
      V::Reg x = V::add(acc[r][v], bias[v]);
      if (finish.residual) x = V::add(x, load_part<MR>(finish.residual + (c - f.y), v, tail));
      store_part<MR>(c, v, tail, V::min(hi, V::max(lo, x)));
    }
  }
}

// Sums of integers become the floats that they stand for.
template <int MR, int NR>
inline void scale_tile(const TileFinish& f, V::Mask tail, V::Reg (&acc)[NR][MR]) {
  typedef int32_t Ints __attribute__((vector_size(sizeof(V::Reg))));
  FOVEA_UNROLL for (int v = 0; v < MR; v++) {
    const V::Reg scale = load_part<MR>(f.scale + f.channel, v, tail), offset = load_part<MR>(f.offset + f.channel, v, tail);
    FOVEA_UNROLL for (int r = 0; r < NR; r++) acc[r][v] =
        __builtin_convertvector((Ints)acc[r][v] - (Ints)offset, V::Reg) * scale;
  }
}

template <int MR, int NR, class Row>
inline void store_tile(const TileFinish& f, V::Mask tail, V::Reg (&acc)[NR][MR], Row row) {
  if constexpr (kIntegers) {
    if (f.scale) scale_tile<MR, NR>(f, tail, acc);
  }
  if (f.finish) return finish_tile<MR, NR>(f, tail, acc, row);
  FOVEA_UNROLL for (int r = 0; r < NR; r++) {
    float* c = row(r);
    FOVEA_UNROLL for (int v = 0; v < MR; v++) store_part<MR>(c, v, tail, acc[r][v]);
  }
}

// One term. `row(r, k)` gives B(t, r, k).
template <int MR, int NR, class Row>
inline void add_term(const float* a, int64_t lda, int64_t depth, V::Mask tail, V::Reg (&acc)[NR][MR], Row row) {
  for (int64_t k = 0; k < depth; k++) {
    V::Reg w[MR];
    FOVEA_UNROLL for (int v = 0; v < MR; v++) w[v] = load_part<MR>(a, v, tail);
    FOVEA_UNROLL for (int r = 0; r < NR; r++) {
      V::Reg b = V::set1(row(r, k));
      FOVEA_UNROLL for (int v = 0; v < MR; v++) acc[r][v] = V::fma(w[v], b, acc[r][v]);
    }
    a += lda;
  }
}

template <int MR, int NR>
inline void begin_tile(const Tile& t, V::Mask tail, V::Reg (&acc)[NR][MR]) {
  if (t.accumulate) return load_tile<MR, NR>(t, tail, acc);
  FOVEA_UNROLL for (int r = 0; r < NR; r++) { FOVEA_UNROLL for (int v = 0; v < MR; v++) acc[r][v] = V::zero(); }
}

template <int MR, int NR>
void rows_tile(const Tile& t) {
  V::Mask tail = V::mask(t.cols - (MR - 1) * V::kLanes);
  V::Reg acc[NR][MR];
  begin_tile<MR, NR>(t, tail, acc);
  const int64_t depth = t.depth, lda = t.lda, ahead_step = t.ahead_step;
  const char* ahead = t.ahead;
  for (int64_t i = 0; i < t.terms; i++) {
    const float* rows[NR];
    FOVEA_UNROLL for (int r = 0; r < NR; r++) rows[r] = t.b[i * t.b_step + r] + t.b_offset;
    add_term<MR, NR>(t.a[i] + t.a_offset, lda, depth, tail, acc, [&](int r, int64_t k) {
      if (r == 0) __builtin_prefetch(ahead, 0, 2), ahead += ahead_step;
      return rows[r][k];
    });
  }
  store_tile<MR, NR>(t.finish, tail, acc, [&](int r) { return t.c[r] + t.c_offset; });
}

template <int MR, int NR>
void columns_tile(const Tile& t) {
  V::Mask tail = V::mask(t.cols - (MR - 1) * V::kLanes);
  V::Reg acc[NR][MR];
  begin_tile<MR, NR>(t, tail, acc);
  const int64_t depth = t.depth, lda = t.lda, ldb = t.ldb, ahead_step = t.ahead_step;
  const char* ahead = t.ahead;
  for (int64_t i = 0; i < t.terms; i++) {
    const float* b = t.b[i] + t.b_offset;
    add_term<MR, NR>(t.a[i] + t.a_offset, lda, depth, tail, acc, [&](int r, int64_t k) {
      if (r == 0) __builtin_prefetch(ahead, 0, 2), ahead += ahead_step;
      return b[k * ldb + r];
    });
  }
  store_tile<MR, NR>(t.finish, tail, acc, [&](int r) { return t.c[r] + t.c_offset; });
}

// Of one kernel row the G taps from `a` on: input pixel i meets output pixel (i - g) / S under tap g.
template <int MR, int NR, int S, int G>
inline void add_taps(const float* a, int64_t tap, int64_t lda, const float* b, int64_t ldb, int64_t depth, V::Mask tail,
                     V::Reg (&acc)[NR][MR]) {
  for (int64_t k = 0; k < depth; k++, a += lda, b++) {
    V::Reg w[G][MR];
    FOVEA_UNROLL for (int g = 0; g < G; g++) {
      FOVEA_UNROLL for (int v = 0; v < MR; v++) w[g][v] = load_part<MR>(a + g * tap, v, tail);
    }
    FOVEA_UNROLL for (int i = 0; i < (NR - 1) * S + G; i++) {
      const V::Reg x = V::set1(b[i * ldb]);
      FOVEA_UNROLL for (int g = 0; g < G; g++) {
        if (i < g || (i - g) % S != 0 || (i - g) / S >= NR) continue;
        FOVEA_UNROLL for (int v = 0; v < MR; v++) acc[(i - g) / S][v] = V::fma(w[g][v], x, acc[(i - g) / S][v]);
      }
    }
  }
}

template <int MR, int NR, int S>
void line_tile(const LineTile& t) {
  const V::Mask tail = V::mask(t.cols - (MR - 1) * V::kLanes);
  V::Reg acc[NR][MR];
  FOVEA_UNROLL for (int r = 0; r < NR; r++) { FOVEA_UNROLL for (int v = 0; v < MR; v++) acc[r][v] = V::zero(); }
  const int64_t tap = t.depth * t.lda, lda = t.lda, ldb = t.ldb, depth = t.depth;
  for (int64_t i = 0; i < t.terms; i++) {
    const float *a = t.a[i], *b = t.b[i];
    if constexpr (S == 0) {  // taps that share nothing: the pixels under them are one run of floats
      add_taps<MR, NR, 1, 1>(a, 0, lda, b, t.step * ldb, t.taps * depth, tail, acc);
    } else {
      int v = 0;
      for (; v + 3 <= t.taps; v += 3, a += 3 * tap, b += 3 * ldb)
        add_taps<MR, NR, S, 3>(a, tap, lda, b, ldb, depth, tail, acc);
      if (t.taps - v == 2) add_taps<MR, NR, S, 2>(a, tap, lda, b, ldb, depth, tail, acc);
      if (t.taps - v == 1) add_taps<MR, NR, 1, 1>(a, tap, lda, b, S * ldb, depth, tail, acc);
    }
  }
  store_tile<MR, NR>(t.finish, tail, acc, [&](int r) { return t.c + r * t.ldc; });
}

// Fill one line of the table: tiles of MR vectors and 1 ... NR rows.
template <int MR, int NR>
void fill_rows(TileSet& s) {
  s.rows_form[MR - 1][NR - 1] = rows_tile<MR, NR>;
  if constexpr (NR > 1) fill_rows<MR, NR - 1>(s);
}
template <int MR, int NR>
void fill_columns(TileSet& s) {
  s.columns_form[MR - 1][NR - 1] = columns_tile<MR, NR>;
  if constexpr (NR > 1) fill_columns<MR, NR - 1>(s);
}
template <int MR, int NR>
void fill_lines(TileSet& s) {
  s.line[0][MR - 1][NR - 1] = line_tile<MR, NR, 0>;
  s.line[1][MR - 1][NR - 1] = line_tile<MR, NR, 1>;
  s.line[2][MR - 1][NR - 1] = line_tile<MR, NR, 2>;
  if constexpr (NR > 1) fill_lines<MR, NR - 1>(s);
}
template <int MR>
void fill(TileSet& s) {
  s.rows_form_rows[MR - 1] = kRowsForm[MR - 1];
  s.columns_form_rows[MR - 1] = kColumnsForm[MR - 1];
  fill_rows<MR, kRowsForm[MR - 1]>(s);
  fill_columns<MR, kColumnsForm[MR - 1]>(s);
  if constexpr (MR <= TileSet::kLineVectors) {
    s.line_pixels[MR - 1] = kLine[MR - 1];
    fill_lines<MR, kLine[MR - 1]>(s);
  }
  if constexpr (MR > 1) fill<MR - 1>(s);
}

inline TileSet make_set() {
  TileSet s{};
  s.lanes = V::kLanes;
  s.vectors = kVectors;
  std::copy_n(kLineChannels, 2, s.line_channels);
  fill<kVectors>(s);
  return s;
}
