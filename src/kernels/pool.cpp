#include "kernels/pool.h"

#include <algorithm>

#include "kernels/isa/tables.h"
#include "kernels/pool_table.h"

namespace fovea::kernels {
namespace {

WindowAxis rows_of(const PoolShape& s) { return {s.h, s.oh(), s.kh, s.sh, 1, s.pt}; }
WindowAxis columns_of(const PoolShape& s) { return {s.w, s.ow(), s.kw, s.sw, 1, s.pl}; }

// body(image, row, thread) for every row of every image.
template <class F>
void each_row(Pool& pool, int images, int rows, F&& body) {
  pool.run([&](int thread) {
    auto [begin, end] = share(int64_t{images} * rows, thread, pool.size());
    for (int64_t at = begin; at < end; at++) body(at / rows, static_cast<int>(at % rows), thread);
  });
}

// What every window counts along one axis, as torch does: its extent inside [-pad, in + pad), or inside the image.
std::vector<float> counts(const WindowAxis& a, const WindowTaps& taps, bool count_pad) {
  std::vector<float> list;
  for (int i = 0; i < a.out; i++) {
    int first = i * a.stride - a.pad;
    int count = count_pad ? std::min(first + a.taps, a.in + a.pad) - first : taps.count(i);
    list.push_back(static_cast<float>(std::max(1, count)));  // an empty window divides its 0 by 1
  }
  return list;
}

}  // namespace

MaxPool::MaxPool(const PoolShape& s, Isa isa, int threads)
    : s_(s),
      isa_(FOVEA_TABLE(isa, pool)),
      threads_(threads),
      rows_(window_taps(rows_of(s))),
      columns_(window_taps(columns_of(s))),
      rows_back_(window_taps_transposed(rows_of(s))),
      columns_back_(window_taps_transposed(columns_of(s))) {}

size_t MaxPool::forward_workspace_bytes() const { return size_t(threads_) * s_.w * s_.c * sizeof(float); }

// First down the rows of the window, the whole width at once, then along them.
void MaxPool::forward(const float* x, float* y, void* work, Pool& pool) const {
  int64_t c = s_.c, width = s_.w * c, ow = s_.ow(), oh = s_.oh();
  each_row(pool, s_.n, s_.oh(), [&](int64_t image, int i, int thread) {
    float* tallest = static_cast<float*>(work) + thread * width;  // [w,c]
    const WindowTap* rows = rows_.of(i);
    int nrows = rows_.count(i);
    isa_.max(tallest, x + (image * s_.h + (nrows ? rows->at : 0)) * width, width, nrows, width);
    for (int64_t j = 0; j < ow; j++) {
      int column = static_cast<int>(j), ncolumns = columns_.count(column);
      const float* from = tallest + (ncolumns ? columns_.of(column)->at * c : 0);
      isa_.max(y + ((image * oh + i) * ow + j) * c, from, c, ncolumns, c);
    }
  });
}

size_t MaxPool::backward_workspace_bytes() const { return size_t(s_.n) * s_.oh() * s_.ow() * s_.c * sizeof(float); }

// First the place of every window's maximum, then every input asks the windows that look at it.
void MaxPool::backward(const float* x, const float* dy, float* dx, void* work, Pool& pool) const {
  auto* places = static_cast<float*>(work);  // [n,oh,ow,c], int32 bits
  int64_t c = s_.c, x_row = s_.w * c, y_row = s_.ow() * c, x_image = s_.h * x_row, y_image = s_.oh() * y_row;
  each_row(pool, s_.n, s_.oh(), [&](int64_t image, int i, int) {
    for (int j = 0; j < s_.ow(); j++) {
      PoolWindow window{rows_.of(i), columns_.of(j), rows_.count(i), columns_.count(j), s_.kw, x_row, c};
      isa_.first_max(places + image * y_image + i * y_row + j * c, x + image * x_image, window, c);
    }
  });
  each_row(pool, s_.n, s_.h, [&](int64_t image, int i, int) {
    for (int j = 0; j < s_.w; j++) {
      PoolWindow windows{
          rows_back_.of(i), columns_back_.of(j), rows_back_.count(i), columns_back_.count(j), s_.kw, y_row, c};
      isa_.gather(dx + image * x_image + i * x_row + j * c, places + image * y_image, dy + image * y_image, windows, c);
    }
  });
}

AvgPool::AvgPool(const PoolShape& s, bool count_pad, Isa isa, int threads)
    : s_(s),
      isa_(FOVEA_TABLE(isa, pool)),
      threads_(threads),
      rows_(window_taps(rows_of(s))),
      columns_(window_taps(columns_of(s))),
      rows_back_(window_taps_transposed(rows_of(s))),
      columns_back_(window_taps_transposed(columns_of(s))),
      row_count_(counts(rows_of(s), rows_, count_pad)),
      column_count_(counts(columns_of(s), columns_, count_pad)) {
  for (float rows : row_count_) row_scale_.push_back(1.f / rows);
  for (float columns : column_count_) column_scale_.push_back(1.f / columns);
}

size_t AvgPool::workspace_bytes() const { return size_t(threads_) * std::max(s_.w, s_.ow()) * s_.c * sizeof(float); }

void AvgPool::forward(const float* x, float* y, void* work, Pool& pool) const {
  int64_t c = s_.c, width = s_.w * c, ow = s_.ow(), oh = s_.oh();
  each_row(pool, s_.n, s_.oh(), [&](int64_t image, int i, int thread) {
    float* sums = static_cast<float*>(work) + thread * width;  // [w,c]
    isa_.sum(sums, x + image * s_.h * width, width, rows_.of(i), rows_.count(i), nullptr, 1.f, width);
    for (int j = 0; j < ow; j++) {
      float divisor = row_count_[i] * column_count_[j];
      isa_.sum(y + ((image * oh + i) * ow + j) * c, sums, c, columns_.of(j), columns_.count(j), nullptr, divisor, c);
    }
  });
}

void AvgPool::backward(const float* dy, float* dx, void* work, Pool& pool) const {
  int64_t c = s_.c, x_row = s_.w * c, y_row = s_.ow() * c;
  each_row(pool, s_.n, s_.h, [&](int64_t image, int i, int thread) {
    float* sums = static_cast<float*>(work) + thread * y_row;  // [ow,c]
    const float* from = dy + image * s_.oh() * y_row;
    isa_.sum(sums, from, y_row, rows_back_.of(i), rows_back_.count(i), row_scale_.data(), 1.f, y_row);
    for (int j = 0; j < s_.w; j++) {
      float* to = dx + (image * s_.h + i) * x_row + j * c;
      isa_.sum(to, sums, c, columns_back_.of(j), columns_back_.count(j), column_scale_.data(), 1.f, c);
    }
  });
}

}  // namespace fovea::kernels
