// The shapes that every dense convolution is tested on.
#pragma once
#include <fmt/core.h>

#include <string>
#include <vector>

#include "kernels/noise.h"
#include "kernels/shapes.h"

namespace fovea::kernels {

using Floats = std::vector<float>;
using test::noise;

inline size_t x_size(const ConvShape& s) { return size_t(s.n) * s.h * s.w * s.c; }
inline size_t y_size(const ConvShape& s) { return size_t(s.n) * s.oh() * s.ow() * s.o; }
inline size_t w_size(const ConvShape& s) { return size_t(s.o) * s.kh * s.kw * (s.c / s.groups); }

inline std::string text(const ConvShape& s) {
  return fmt::format("n{} {}x{}x{} o{} k{}x{} s{}x{} p{},{},{},{} d{}x{} g{}", s.n, s.h, s.w, s.c, s.o, s.kh, s.kw, s.sh,
                     s.sw, s.pt, s.pl, s.pb, s.pr, s.dh, s.dw, s.groups);
}

inline const ConvShape kShapes[] = {
    {.n = 1, .h = 1, .w = 1, .c = 1, .o = 1, .kh = 1, .kw = 1},
    {.n = 1, .h = 9, .w = 7, .c = 64, .o = 64, .kh = 3, .kw = 3, .pt = 1, .pl = 1, .pb = 1, .pr = 1},
    {.n = 2, .h = 5, .w = 6, .c = 17, .o = 19, .kh = 3, .kw = 3, .pt = 1, .pl = 1, .pb = 1, .pr = 1},
    {.n = 3, .h = 8, .w = 8, .c = 16, .o = 16, .kh = 3, .kw = 3, .pt = 1, .pl = 1, .pb = 1, .pr = 1},
    {.n = 2, .h = 8, .w = 8, .c = 16, .o = 32, .kh = 3, .kw = 3, .sh = 2, .sw = 2, .pt = 1, .pl = 1, .pb = 1, .pr = 1},
    {.n = 2, .h = 9, .w = 11, .c = 20, .o = 33, .kh = 3, .kw = 3, .sh = 2, .sw = 2, .pt = 1, .pl = 1, .pb = 1, .pr = 1},
    {.n = 2, .h = 17, .w = 19, .c = 3, .o = 24, .kh = 7, .kw = 7, .sh = 2, .sw = 2, .pt = 3, .pl = 3, .pb = 3, .pr = 3},
    {.n = 1, .h = 16, .w = 16, .c = 3, .o = 10, .kh = 4, .kw = 4, .sh = 4, .sw = 4},
    {.n = 2, .h = 13, .w = 12, .c = 3, .o = 8, .kh = 3, .kw = 3, .sh = 2, .sw = 2, .pb = 1, .pr = 1},
    {.n = 1, .h = 10, .w = 10, .c = 1, .o = 5, .kh = 5, .kw = 5, .pt = 2, .pl = 2, .pb = 2, .pr = 2},
    {.n = 2, .h = 7, .w = 7, .c = 130, .o = 70, .kh = 1, .kw = 1},
    {.n = 1, .h = 3, .w = 5, .c = 1100, .o = 9, .kh = 1, .kw = 1},
    {.n = 1, .h = 2, .w = 3, .c = 300, .o = 21, .kh = 3, .kw = 3, .pt = 1, .pl = 1, .pb = 1, .pr = 1},
    {.n = 2, .h = 9, .w = 8, .c = 24, .o = 40, .kh = 1, .kw = 1, .sh = 2, .sw = 2},
    {.n = 1, .h = 7, .w = 7, .c = 6, .o = 5, .kh = 1, .kw = 1, .sh = 3, .sw = 2},
    {.n = 1, .h = 4, .w = 5, .c = 6, .o = 7, .kh = 1, .kw = 1, .pt = 1, .pl = 2, .pb = 0, .pr = 1},
    {.n = 1, .h = 12, .w = 14, .c = 5, .o = 6, .kh = 3, .kw = 2, .pt = 2, .pl = 1, .pb = 2, .pr = 0, .dh = 2, .dw = 3},
    {.n = 1,
     .h = 15,
     .w = 13,
     .c = 18,
     .o = 20,
     .kh = 3,
     .kw = 3,
     .sh = 2,
     .sw = 3,
     .pt = 2,
     .pl = 2,
     .pb = 2,
     .pr = 2,
     .dh = 2,
     .dw = 2},
    {.n = 2, .h = 6, .w = 6, .c = 32, .o = 32, .kh = 3, .kw = 3, .pt = 1, .pl = 1, .pb = 1, .pr = 1, .groups = 8},
    {.n = 1,
     .h = 6,
     .w = 7,
     .c = 24,
     .o = 36,
     .kh = 3,
     .kw = 3,
     .sh = 2,
     .sw = 2,
     .pt = 1,
     .pl = 1,
     .pb = 1,
     .pr = 1,
     .groups = 3},
    {.n = 1, .h = 5, .w = 5, .c = 7, .o = 14, .kh = 3, .kw = 3, .pt = 1, .pl = 1, .pb = 1, .pr = 1, .groups = 7},
    {.n = 1, .h = 5, .w = 5, .c = 80, .o = 80, .kh = 3, .kw = 1, .pt = 1, .pb = 1, .groups = 2},
    {.n = 1, .h = 3, .w = 3, .c = 4, .o = 4, .kh = 5, .kw = 5, .pt = 4, .pl = 4, .pb = 4, .pr = 4},
    {.n = 300, .h = 1, .w = 1, .c = 10, .o = 7, .kh = 1, .kw = 1},
    {.n = 1, .h = 7, .w = 7, .c = 20, .o = 300, .kh = 1, .kw = 1},  // threads that share a panel of the weight gradient
    {.n = 1, .h = 1, .w = 5000, .c = 8, .o = 3, .kh = 1, .kw = 1},
};

// Batch chunks, splits of the weight gradient and slices of the depth, which the small shapes above do not reach.
inline const ConvShape kLarge[] = {
    {.n = 9, .h = 32, .w = 32, .c = 16, .o = 16, .kh = 3, .kw = 3, .pt = 1, .pl = 1, .pb = 1, .pr = 1},
    {.n = 5, .h = 24, .w = 28, .c = 20, .o = 24, .kh = 3, .kw = 3, .sh = 2, .sw = 2, .pt = 1, .pl = 1, .pb = 1, .pr = 1},
    {.n = 3, .h = 40, .w = 40, .c = 32, .o = 32, .kh = 3, .kw = 3, .pt = 1, .pl = 1, .pb = 1, .pr = 1, .groups = 8},
    {.n = 1, .h = 7, .w = 7, .c = 160, .o = 130, .kh = 3, .kw = 3, .pt = 1, .pl = 1, .pb = 1, .pr = 1},
};

}  // namespace fovea::kernels
