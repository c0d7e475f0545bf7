// Reading a map between its pixels, as PyTorch's grid_sample does.
#pragma once
#include "ir/op.h"

namespace fovea {

enum class Sampling : uint8_t { bilinear, nearest };
enum class Beyond : uint8_t {  // what is read outside of the map
  zeros,
  border  // its nearest pixel
};
const char* enum_name(Sampling s);
const char* enum_name(Beyond b);

// Places are pairs (x, y) from -1 to 1: from the middle of the first pixel to that of the last with align_corners, else from
// the map's edge to its other edge.
struct GridSample {
  Sampling sampling = Sampling::bilinear;
  Beyond beyond = Beyond::zeros;
  bool align_corners = false;
  FOVEA_ATTR(GridSample, sampling, beyond, align_corners)
};
// x [n,h,w,c], places [n,h',w',groups*2], each for c/groups channels: [n,h',w',c].
Tensor grid_sample(Tensor x, Tensor places, const GridSample& a = {});

}  // namespace fovea
