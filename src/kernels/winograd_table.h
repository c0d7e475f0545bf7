// What an instruction set offers to Winograd's convolution: the transforms of one tile.
// F(m x m, 3 x 3) evaluates an input tile of t x t pixels, t = m + 2, at the t^2 pairs of the points below (and infinity),
// multiplies point by point with the evaluated kernel, and interpolates m x m outputs.
#pragma once
#include <cstdint>

namespace fovea::kernels {

// The points beside 0 and infinity: 1 and -1 for m = 2; for m = 4 sqrt(1/2), sqrt(2) and their negatives, whose even powers
// are exact and near 1: a quarter of the largest error of the usual 1 and 2.
constexpr double kNearPoint = 0.70710678118654752440, kFarPoint = 1.41421356237309504880;

struct WinogradTable {
  struct Transforms {
    // v[p * step + c] for the t^2 points p and c < channels; tile[i * t + j] is the pixel in row i, column j.
    void (*input)(const float* const* tile, float* v, int64_t step, int64_t channels);
    // y[i * row + j * column + c] for i < rows, j < columns, from the products m[p * step + c].
    void (*output)(const float* m, int64_t step, float* y, int64_t row, int64_t column, int rows, int columns,
                   int64_t channels);
  };
  Transforms small, large;  // m = 2, m = 4
  struct Gradient {         // m = 4
    // Output transposed: v[p * step + c] for the 36 points, from the 4x4 pixels of the gradient of the outputs.
    void (*output)(const float* const* tile, float* v, int64_t step, int64_t channels);
    // The gradient of the kernel, g[(i * 3 + j) * tap + c], from that at the points, m[p * step + c].
    void (*kernel)(const float* m, int64_t step, float* g, int64_t tap, int64_t channels);
  };
  Gradient gradient;
};

namespace portable {
extern const WinogradTable winograd;
}
namespace avx2 {
extern const WinogradTable winograd;
}
namespace avx512 {
extern const WinogradTable winograd;
}

}  // namespace fovea::kernels
