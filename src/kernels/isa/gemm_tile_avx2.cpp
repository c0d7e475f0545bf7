// Register tiles for AVX2 and FMA: 12 of 16 registers accumulate.
#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>

#include "kernels/gemm_tile.h"

namespace fovea::kernels {
namespace {

#include "kernels/isa/gemm_vector_avx2.inl"
using V = Vector;
constexpr int kVectors = 2;
constexpr int kRowsForm[kVectors] = {8, 6};
constexpr int kColumnsForm[kVectors] = {8, 6};
constexpr int kLine[TileSet::kLineVectors] = {10, 4};
constexpr int kLineChannels[] = {8, 8};
constexpr bool kIntegers = false;

#include "kernels/isa/gemm_tile.inl"

}  // namespace

TileSet tile_set_avx2() { return make_set(); }

}  // namespace fovea::kernels
#endif
