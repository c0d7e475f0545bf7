// The arguments of PyTorch's convolutions of sequences [n,c,l] and maps, as layers read them; a sequence is convolved as a
// map of one row.
#pragma once
#include <string>

#include "base/settings.h"
#include "ir/scope.h"
#include "nn/edges.h"
#include "ops/conv2d.h"

namespace fovea {

struct ConvDefaults {
  const char* kernel = "kernel_size";
  int padding = 0;
  bool bias = true;
};
struct ConvSettings {
  bool sequence = false;
  int in = 0, out = 0;
  Pair kernel = 1;
  Conv2d conv;  // its padding too, whatever the mode
  bool bias = true;
  Edge edge = Edge::zeros;
};
// x: the layer's input. A usage error says which settings do not fit.
ConvSettings read_conv(const Settings& s, const Tensor& x, const ConvDefaults& d = {});
// One or two numbers.
Pair read_pair(const Settings& s, const char* name, Pair fallback);

// The weight that files keep as [out, in/groups, kernel], and the bias.
Tensor conv_weight(Scope s, const ConvSettings& o);  // [out,kh,kw,in/groups]
Tensor conv_bias(Scope s, const ConvSettings& o);    // [out]

Tensor to_map(Tensor x);                                            // [n,c,l] -> [n,1,l,c]
Tensor from_map(Tensor y, const ConvSettings& o);                   // [n,1,l,c] -> [n,c,l] of sequences
Tensor convolve(Tensor map, Tensor weight, const ConvSettings& o);  // without the bias

}  // namespace fovea
