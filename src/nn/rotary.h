// Positions as angles: pairs of channels of queries and keys are turned by where their patch lies, so that products know how
// far apart two patches are (arXiv:2104.09864; for images arXiv:2303.11331, arXiv:2403.13298, arXiv:2508.10104).
#pragma once
#include "ir/scope.h"

namespace fovea {

enum class RotaryKind : uint8_t {
  none,
  axial,   // half of the pairs turns with the row, half with the column, each at its own speed
  mixed,   // every layer and head has learned speeds of every pair along both axes
  centred  // axial, with coordinates in -1..1; pairs are a half of the channels apart, not neighbours
};
struct Rotary {
  RotaryKind kind = RotaryKind::none;
  float temperature = 10000;  // of the slowest pair
  int reference = 0;          // axial: coordinates run through this many patches, however large the map; 0: as it is
  float first = 0;            // axial: the coordinate of the first patch
  bool columns_first = false;
};

// Cosines and sines, [1,t,1 or heads,pairs].
struct Turns {
  Tensor cos = {}, sin = {};
  bool neighbours = true;
  explicit operator bool() const { return static_cast<bool>(cos); }
};
// Of a map's patches, after `prefix` tokens that are not turned.
struct RotaryPlace {
  Pair map;
  int prefix, width;  // channels of a head
};
Turns rotary_turns(Graph& g, const Rotary& r, const RotaryPlace& p, Tensor speeds = {});  // mixed: [2,1,heads,width/2]
// [n,t,h,d] -> same. The channels come out in another order, the same one for queries and keys.
Tensor turn(Tensor x, const Turns& t);

}  // namespace fovea
