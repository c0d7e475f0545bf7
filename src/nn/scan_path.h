// In which order the pixels of a map [h,w] are scanned.
#pragma once
#include "ir/graph.h"

namespace fovea {

// Both [h*w]. order: which pixel, counted row by row, is the i-th; place: the inverse, where on the path a pixel is.
struct ScanPath {
  Tensor order, place;
};
// Row after row or column after column, every other one backwards, so that each pixel is the next one's neighbour
// (arXiv:2403.17695); back: from the other end.
ScanPath snake_path(Graph& g, int h, int w, bool columns, bool back);
// How a path comes to each of its pixels [h*w]: 0 at the start, then 1 to the right, 2 to the left, 3 up, 4 down.
Tensor directions(const ScanPath& path, int w);
Tensor reorder(Tensor tokens, Tensor order);  // [n,t,c] -> same, the tokens order[0], order[1], ...

}  // namespace fovea
