// Maps of another size, as PyTorch makes them: [n,h,w,c] -> [n,height,width,c]. All but the first are products with two
// small matrices.
#pragma once
#include "ir/graph.h"

namespace fovea {

Tensor resize_nearest(Tensor x, int height, int width);  // pixel i is pixel floor(i * from / to)
Tensor resize_bilinear(Tensor x, int height, int width, bool align_corners = false);
Tensor resize_bicubic(Tensor x, int height, int width);
Tensor resize_smooth(Tensor x, int height, int width);      // bicubic with antialiasing
Tensor adaptive_avg_pool(Tensor x, int height, int width);  // means of equal shares, which may overlap by a pixel

// Channels become pixels: channel (c times + i) times + j is row i and column j of channel c. [n,h,w,c*times*times] ->
// [n,times*h,times*w,c]
Tensor pixel_shuffle(Tensor x, int times);

}  // namespace fovea
