// Sums over the pixels of a window; see pixel_conv_table.h.

static void pixel_sum(float* d, const float* values, const float* weights, const PixelWindow& w, int64_t n) {
  each_vector(n, [&](int64_t i, int64_t k) {
    V a = {}, b = {};  // taken in turn: neither waits for the other
    for (int r = 0; r < w.nrows; r++) {
      const float* line = values + w.rows[r].at * w.row + i;
      const float* line_weights = weights + w.rows[r].at * w.weight_row + w.rows[r].tap * w.kw;
      auto add = [&](int c, V sum) {
        WindowTap at = w.columns[c];
        return madd(set1(line_weights[at.at * w.weight_column + at.tap]), get(line + at.at * w.column, k), sum);
      };
      int c = 0;
      for (; c + 1 < w.ncolumns; c += 2) a = add(c, a), b = add(c + 1, b);
      if (c < w.ncolumns) a = add(c, a);
    }
    put(d + i, a + b, k);
  });
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

static constexpr PixelConvTable make_pixel_conv_table() { return {pixel_sum, pixel_dots}; }
