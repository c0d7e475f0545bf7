// Any depthwise convolution, forward or backward, whatever its stride and dilation, is a set of stride-1 pieces: along a
// row, the outputs of one residue class meet the taps of one residue class as neighbours. Worked out once per shape.
#pragma once
#include <vector>

#include "kernels/depthwise_tile.h"

namespace fovea::kernels {

// One axis of the product: y[i] = sum over the taps k of x[i * stride + k * dilation - pad], out of `in` inputs.
struct DepthwiseAxis {
  int in, out, taps, stride, dilation, pad;
};

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

// Which kernel rows meet which input rows, for every output row r: taps[begin[r], begin[r + 1]).
struct DepthwiseRows {
  std::vector<DepthwiseRow> taps;
  std::vector<int> begin;
};

// `widest`: most pixels of a tile. The transposed forms compute the gradient of x (axis.in of them) from that of y.
DepthwiseColumns depthwise_columns(const DepthwiseAxis& axis, int widest);
DepthwiseColumns depthwise_columns_transposed(const DepthwiseAxis& axis, int widest);
DepthwiseRows depthwise_rows(const DepthwiseAxis& axis);
DepthwiseRows depthwise_rows_transposed(const DepthwiseAxis& axis);

}  // namespace fovea::kernels
