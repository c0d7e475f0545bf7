// The overlapping tiles that Winograd's kernels cut images into, one after another: a tile's pixels, as pointers.
#pragma once
#include <algorithm>
#include <cstdint>

namespace fovea::kernels {

// The tiles of images [n,h,w,channels]: tile (i, j) begins at pixel (i * step - top, j * step - left).
struct TileMap {
  int64_t h, w, channels;
  int64_t rows, columns;  // of tiles in an image
  int64_t step, size;     // pixels from tile to tile, and of a tile in each direction
  int64_t top, left;
};

class TileWalk {
 public:
  // outside: what stands for a pixel outside the image.
  TileWalk(const TileMap& map, int64_t first, const float* images, const float* outside)
      : map_(map), images_(images), outside_(outside), column_(first % map.columns) {
    row_ = first / map.columns % map.rows, image_ = first / map.columns / map.rows;
  }

  // pixels[i * size + j] of this tile, and on to the next. Asks for so many channels of the pixels below, which the next row
  // of tiles reads: they lie in too many places for the machine to foresee.
  void next(const float** pixels, int64_t channels) {
    const TileMap& m = map_;
    const int64_t y0 = row_ * m.step - m.top, x0 = column_ * m.step - m.left;
    const int64_t left = std::clamp<int64_t>(-x0, 0, m.size), right = std::clamp(m.w - x0, left, m.size);
    int64_t line = ((image_ * m.h + y0) * m.w + x0) * m.channels;
    for (int64_t y = y0; y < y0 + m.size; y++, pixels += m.size, line += m.w * m.channels) {
      if (y < 0 || y >= m.h) {
        std::fill_n(pixels, m.size, outside_);
        continue;
      }
      int64_t x = 0;
      for (; x < left; x++) pixels[x] = outside_;
      for (; x < right; x++) pixels[x] = images_ + line + x * m.channels;
      for (; x < m.size; x++) pixels[x] = outside_;
    }
    for (int64_t y = y0 + m.size; y < std::min(m.h, y0 + m.size + m.step); y++, line += m.w * m.channels) {
      for (int64_t x = m.size - m.step; x < right; x++) {
        for (int64_t k = 0; k < channels; k += 16) __builtin_prefetch(images_ + line + x * m.channels + k);
      }
    }
    if (++column_ < m.columns) return;
    column_ = 0;
    if (++row_ == m.rows) row_ = 0, image_++;
  }

 private:
  const TileMap& map_;
  const float *images_, *outside_;
  int64_t column_, row_, image_;
};

}  // namespace fovea::kernels
