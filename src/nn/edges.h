// What stands beyond the edges of a map [n,h,w,c]; the names are PyTorch's padding modes.
#pragma once
#include <string>

#include "ir/graph.h"

namespace fovea {

enum class Edge : uint8_t {
  zeros,
  reflect,    // the map mirrored at its last pixel, which does not come twice
  replicate,  // the last pixel again
  circular    // the other end
};
Edge edge_of(const std::string& name);  // a usage error if there is none of that name
Tensor pad_edges(Tensor x, const Pad& pad, Edge edge);

}  // namespace fovea
