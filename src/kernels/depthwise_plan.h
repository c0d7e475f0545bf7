// Any depthwise convolution, forward or backward, whatever its stride and dilation, is a set of stride-1 pieces: along a
// row, the outputs of one residue class meet the taps of one residue class as neighbours. Worked out once per shape.
#pragma once
#include <vector>

#include "kernels/depthwise_tile.h"
#include "kernels/window.h"

namespace fovea::kernels {

struct DepthwiseColumns {
  struct Tile {
    int y0, width;             // output columns y0, y0 + y_step, ...
    int first_piece, npieces;  // of `pieces`
  };
  int x_step, y_step;  // columns from one pixel of a tile to the next
  std::vector<Tile> tiles;
  std::vector<DepthwisePiece> pieces;
  std::vector<int> order;  // kernel column of every packed tap
};

// `widest`: most pixels of a tile. The transposed forms compute the gradient of x (axis.in of them) from that of y.
DepthwiseColumns depthwise_columns(const WindowAxis& axis, int widest);
DepthwiseColumns depthwise_columns_transposed(const WindowAxis& axis, int widest);

}  // namespace fovea::kernels
