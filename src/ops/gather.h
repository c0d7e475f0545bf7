// Rows by number: tables of position biases and the like. Numbers are whole values of a float tensor, usually made by
// arithmetic on iota().
#pragma once
#include "ir/op.h"

namespace fovea {

// Each element is its own index along the axis.
struct Iota {
  Shape shape;
  int axis;
  FOVEA_ATTR(Iota, shape, axis)
};
// in: table [rows, ...], index [...]. Indices outside of the table count as its first or last row.
struct Gather {
  FOVEA_ATTR(Gather)
};
// The adjoint with respect to the table: every row sums what was read from it. in: index, dy.
struct GatherGrad {
  Shape table;
  FOVEA_ATTR(GatherGrad, table)
};

Tensor iota(Graph& g, const Shape& shape, int axis);
Tensor numbers(Graph& g, std::span<const float> values);  // these, [size]
Tensor gather(Tensor table, Tensor index);                // [rows, ...], [i...] -> [i..., ...]

}  // namespace fovea
