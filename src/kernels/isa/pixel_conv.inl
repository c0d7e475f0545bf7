// Sums over the pixels of a window; see pixel_conv_table.h.

constexpr int kTogether = 4;  // vectors that go over a window together: none waits for its last sum

struct PixelVector {
  int64_t channel, weight;  // floats from the pixel's, from the weights' first
  int64_t rest;             // channels; 0: all lanes
};

template <int count>
static inline void sum_vectors(float* d, const float* values, const float* weights, const PixelWindow& w,
                               const PixelVector* vectors) {
  V sum[count] = {};
  for (int r = 0; r < w.nrows; r++) {
    const float* line = values + w.rows[r].at * w.row;
    const float* line_weights = weights + w.rows[r].at * w.weight_row + w.rows[r].tap * w.kw;
    for (int c = 0; c < w.ncolumns; c++) {
      const WindowTap at = w.columns[c];
      const float *from = line + at.at * w.column, *weight = line_weights + at.at * w.weight_column + at.tap;
#pragma GCC unroll 4
      for (int i = 0; i < count; i++)
        sum[i] = madd(set1(weight[vectors[i].weight]), get(from + vectors[i].channel, vectors[i].rest), sum[i]);
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < count; i++) put(d + vectors[i].channel, sum[i], vectors[i].rest);
}

static void pixel_sums(float* d, const float* values, const float* weights, const PixelWindow& w, const PixelGroups& g) {
  PixelVector vectors[kTogether];
  int waiting = 0;
  for (int64_t group = 0; group < g.count; group++) {
    each_vector(g.channels, [&](int64_t i, int64_t rest) {
      vectors[waiting++] = {group * g.channels + i, group * g.taps, rest};
      if (waiting < kTogether) return;
      sum_vectors<kTogether>(d, values, weights, w, vectors);
      waiting = 0;
    });
  }
  for (int i = 0; i < waiting; i++) sum_vectors<1>(d, values, weights, w, vectors + i);
}

static void pixel_dots(float* d, const float* values, const float* with, const PixelWindow& w, int64_t n) {
  for (int r = 0; r < w.nrows; r++) {
    const float* line = values + w.rows[r].at * w.row;
    for (int c = 0; c < w.ncolumns; c++) {
      const float* from = line + w.columns[c].at * w.column;
      V total = {};
      each_vector(n, [&](int64_t i, int64_t k) { total = madd(get(from + i, k), get(with + i, k), total); });
      d[w.rows[r].tap * w.kw + w.columns[c].tap] = sum_lanes(total);
    }
  }
}

static constexpr PixelConvTable make_pixel_conv_table() { return {pixel_sums, pixel_dots}; }
