// Self-attention in place of a convolution: the pixels of a map look at each other and know where they are.
#pragma once
#include "nn/layers.h"

namespace fovea {

enum class Look : uint8_t {
  all,    // every pixel at every other (Bottleneck Transformer, arXiv:2101.11605)
  halo,   // the pixels of a block at the block and a margin around it (HaloNet, arXiv:2103.12731)
  lambda  // linear functions made of all pixels and of a window, applied to queries (LambdaNetworks, arXiv:2102.08602)
};
struct MapAttention {
  Look look = Look::all;
  int heads = 4;
  int keys = 0;  // channels of a head's queries and keys; 0: key_ratio of its values'
  double key_ratio = 1;
  int block = 8, margin = 3;  // halo
  int window = 9;             // lambda; 0: the whole map, by a table of relative positions
};
Tensor map_attention(Scope s, Tensor x, const MapAttention& a, int stride = 1);  // [n,h,w,c] -> [n,h/stride,w/stride,c]

}  // namespace fovea
