// Register tiles for any CPU, by GCC's vector extension: 4 lanes, 16 registers assumed.
#include <algorithm>

#include "kernels/gemm_tile.h"

namespace fovea::kernels {
namespace {

#include "kernels/isa/gemm_vector_portable.inl"
using V = Vector;
constexpr int kVectors = 2;
constexpr int kRowsForm[kVectors] = {6, 4};
constexpr int kColumnsForm[kVectors] = {6, 4};
constexpr int kLine[TileSet::kLineVectors] = {8, 4};
constexpr int kLineChannels[] = {8, 8};
constexpr bool kIntegers = false;

#include "kernels/isa/gemm_tile.inl"

}  // namespace

TileSet tile_set_portable() { return make_set(); }

}  // namespace fovea::kernels
