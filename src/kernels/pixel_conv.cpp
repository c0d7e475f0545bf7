#include "kernels/pixel_conv.h"

#include <algorithm>

#include "kernels/isa/tables.h"

namespace fovea::kernels {

PixelConv::PixelConv(const PixelConvShape& s, Isa isa)
    : s_(s),
      isa_(FOVEA_TABLE(isa, pixel_conv)),
      rows_(window_taps(s.rows)),
      columns_(window_taps(s.columns)),
      rows_back_(window_taps_transposed(s.rows)),
      columns_back_(window_taps_transposed(s.columns)),
      x_image_(int64_t{s.rows.in} * s.columns.in * s.c),
      y_image_(int64_t{s.rows.out} * s.columns.out * s.c),
      taps_(s.rows.taps * s.columns.taps),
      depth_(s.c / s.groups) {
  k_image_ = int64_t{s.rows.out} * s.columns.out * s.groups * taps_;
}

// body(image, i, j) for every pixel of images of h rows, a row at a time.
template <class F>
void PixelConv::each_pixel(Pool& pool, int h, int w, F&& body) const {
  pool.run([&](int thread) {
    auto [begin, end] = share(int64_t{s_.n} * h, thread, pool.size());
    for (int64_t at = begin; at < end; at++)
      for (int j = 0; j < w; j++) body(at / h, static_cast<int>(at % h), j);
  });
}

PixelWindow PixelConv::window(const WindowTaps& rows, const WindowTaps& columns, int i, int j, int width) const {
  return {rows.of(i), columns.of(j), rows.count(i), columns.count(j), s_.columns.taps, int64_t{width} * s_.c, s_.c, 0, 0};
}

void PixelConv::forward(const float* x, const float* k, float* y, Pool& pool) const {
  int ow = s_.columns.out, groups = s_.groups;
  each_pixel(pool, s_.rows.out, ow, [&](int64_t image, int i, int j) {
    PixelWindow w = window(rows_, columns_, i, j, s_.columns.in);
    int64_t pixel = int64_t{i} * ow + j;
    isa_.sums(y + image * y_image_ + pixel * s_.c, x + image * x_image_, k + image * k_image_ + pixel * groups * taps_, w,
              {groups, depth_, taps_});
  });
}

// Every input asks the pixels that look at it.
void PixelConv::input_grad(const float* k, const float* dy, float* dx, Pool& pool) const {
  int iw = s_.columns.in, groups = s_.groups;
  each_pixel(pool, s_.rows.in, iw, [&](int64_t image, int i, int j) {
    PixelWindow w = window(rows_back_, columns_back_, i, j, s_.columns.out);
    w.weight_column = int64_t{groups} * taps_, w.weight_row = w.weight_column * s_.columns.out;
    isa_.sums(dx + image * x_image_ + (int64_t{i} * iw + j) * s_.c, dy + image * y_image_, k + image * k_image_, w,
              {groups, depth_, taps_});
  });
}

void PixelConv::kernel_grad(const float* x, const float* dy, float* dk, Pool& pool) const {
  int ow = s_.columns.out, groups = s_.groups;
  each_pixel(pool, s_.rows.out, ow, [&](int64_t image, int i, int j) {
    PixelWindow w = window(rows_, columns_, i, j, s_.columns.in);
    int64_t pixel = int64_t{i} * ow + j;
    float* to = dk + image * k_image_ + pixel * groups * taps_;
    std::fill_n(to, groups * taps_, 0.0f);  // what lies outside of the image
    for (int64_t g = 0; g < groups; g++)
      isa_.dots(to + g * taps_, x + image * x_image_ + g * depth_, dy + image * y_image_ + pixel * s_.c + g * depth_, w,
                depth_);
  });
}

}  // namespace fovea::kernels
