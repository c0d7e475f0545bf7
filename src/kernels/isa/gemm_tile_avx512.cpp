// Register tiles for AVX-512: 24 of 32 registers accumulate.
#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>

#include "kernels/gemm_tile.h"

namespace fovea::kernels {
namespace {

#include "kernels/isa/gemm_vector_avx512.inl"
using V = Vector;
constexpr int kVectors = 4;
constexpr int kRowsForm[kVectors] = {12, 12, 8, 6};
constexpr int kColumnsForm[kVectors] = {16, 12, 8, 6};
constexpr int kLine[TileSet::kLineVectors] = {16, 12};
constexpr int kLineChannels[] = {32, 16};
constexpr bool kIntegers = false;

#include "kernels/isa/gemm_tile.inl"

}  // namespace

TileSet tile_set_avx512() { return make_set(); }

}  // namespace fovea::kernels
#endif
